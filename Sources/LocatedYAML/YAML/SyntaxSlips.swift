/// What people write who do not write YAML every day, seen in the lines around the place where libyaml gives up. What it says
/// itself is true, but does not tell what to write.
struct SyntaxSlips {
    let source: SourceFile
    let words: FormatWords
    let failure: YAMLEvents.Failure
    /// Where libyaml gives up.
    let place: SourceLocation
    /// Where what it was reading begins.
    let opening: SourceLocation

    var refusal: Refusal? {
        let foreign = ForeignMarks(source: source)
        if let found = foreign.conflict ?? foreign.fence { return found }
        if let found = foreign.marks(in: [place.line, opening.line]) ?? foreign.tab(at: place) { return found }
        if let line = SourceLine(place.line, of: source), let found = colonBeforeBraces(in: line) { return found }
        switch failure.problem {
        case "mapping values are not allowed in this context": return colonMissingAbove
        case "could not find expected ':'": return colonMissing
        case "did not find expected '-' indicator": return dashMissing
        case "did not find expected key": return wrongIndentation
        default: return nil
        }
    }

    private func refusal(_ line: SourceLine, length: Int? = nil, _ message: String) -> Refusal {
        Refusal(code: .yamlSyntax, range: line.place(length: length), message: message)
    }

    // MARK: - A ':' that is missing

    /// `- persist`, and a modifier in the line below: the word and the line are read as one text.
    private var colonMissingAbove: Refusal? {
        guard let line = SourceLine(place.line, of: source), let above = source.line(above: place.line) else {
            return nil
        }
        // A second ':' in its own line has another reason.
        let before = source.line(place.line)?.unicodeScalars.prefix(place.column - 1) ?? Substring.UnicodeScalarView()
        if String(before).contains(": ") { return nil }
        if let found = ForeignMarks(source: source).marks(in: [above.number]) { return found }
        if let found = colonMissing(in: above, before: line) { return found }
        // The rest of a text of several lines is no key.
        if let before = source.line(above: above.number), !above.isItem, before.indentation < above.indentation,
            !before.body.hasSuffix(":")
        {
            return nil
        }
        return above.text.hasPrefix("//")
            ? refusal(above, length: 2, "a comment begins with '#', not with '//'") : colonMissing(in: above)
    }

    /// A comment behind the name ends the text, and the line below is another one.
    private func colonMissing(in above: SourceLine, before line: SourceLine) -> Refusal? {
        guard above.isItem, above.isBareWord, line.indentation > above.indentation, !line.isItem else { return nil }
        return refusal(
            above, "a ':' is missing after '\(above.word)': write '- \(above.word):' where something stands below it")
    }

    private var colonMissing: Refusal? {
        guard let line = SourceLine(opening.line, of: source) else { return nil }
        if line.text.hasPrefix("//") { return refusal(line, length: 2, "a comment begins with '#', not with '//'") }
        if line.text.hasPrefix("-"), !line.isItem, !line.text.hasPrefix("--") {
            return refusal(
                line, "a space is missing after the '-': write '- \(line.text.dropFirst())'")
        }
        if !line.isItem, let item = source.item(above: line.number), item.indentation == line.indentation {
            return refusal(line, "a '-' is missing before '\(line.word)': write '- \(line.text)'")
        }
        return colonMissing(in: line)
    }

    /// `pipeline chat`, `pipeline = chat`, `pipeline:chat`, `stages` alone.
    private func colonMissing(in line: SourceLine) -> Refusal? {
        let word = line.word
        guard !word.isEmpty else { return nil }
        let dash = line.isItem ? "- " : ""
        let rest = line.body.dropFirst(word.count)
        let value = rest.drop { " =:>".contains($0) }
        switch rest.first {
        case nil: return refusal(line, "a ':' is missing after '\(word)': write '\(dash)\(word):'")
        case ":" where rest.count > 1 && !rest.hasPrefix(": "):
            return refusal(line, "a space is missing after the ':': write '\(dash)\(word): \(value)'")
        case "=": return refusal(line, "YAML has ':' in place of '=': write '\(dash)\(word): \(value)'")
        case " " where rest.drop { $0 == " " }.first == "=":
            return refusal(line, "YAML has ':' in place of '=': write '\(dash)\(word): \(value)'")
        case " " where !value.contains(" ") && !value.isEmpty:
            return refusal(line, "a ':' is missing after '\(word)': write '\(dash)\(word): \(value)'")
        default: return nil
        }
    }

    /// `- validate {max_length: 5}`: read as a text up to the first ':' or bracket that can't be part of one.
    private func colonBeforeBraces(in line: SourceLine) -> Refusal? {
        let word = line.word
        let rest = line.body.dropFirst(word.count).drop { $0 == " " }
        guard !word.isEmpty, let bracket = rest.first, bracket == "{" || bracket == "[" else { return nil }
        let shown = rest.count <= 40 ? String(rest) : "\(bracket)…"
        return refusal(
            line, length: word.unicodeScalars.count,
            "a ':' is missing after '\(word)': write '\(line.isItem ? "- " : "")\(word): \(shown)'")
    }

    // MARK: - Indentation

    /// A line among the entries of a list that does not begin with '-'.
    private var dashMissing: Refusal? {
        guard let line = SourceLine(place.line, of: source), let item = source.item(above: place.line),
            !line.isItem, !line.word.isEmpty
        else { return nil }
        if let above = source.line(above: line.number), let found = colonMissing(in: above, before: line) {
            return found
        }
        let dash = opening.column - 1
        let inside = item.bodyColumn - 1
        if line.indentation == dash, !words.besideEntries.contains(line.word) {
            return refusal(
                line, length: line.word.unicodeScalars.count,
                "a '-' is missing before '\(line.word)': write '- \(line.text)'")
        }
        guard line.indentation >= dash, item.indentation == dash else { return nil }
        return refusal(
            line, length: line.word.unicodeScalars.count,
            "'\(line.word)' has \(spaces(line.indentation)) before it; to belong to '\(item.word)' in line "
                + "\(item.number) it needs \(inside)")
    }

    /// A line that begins neither where a key of the mapping around it does nor where an entry of a list does.
    private var wrongIndentation: Refusal? {
        guard let line = SourceLine(place.line, of: source), place.column == line.indentation + 1 else { return nil }
        if line.isItem {
            guard let item = source.item(above: line.number), item.indentation != line.indentation else { return nil }
            return Refusal(
                code: .yamlSyntax, range: SourceRange(at: place),
                message: "this '-' has \(spaces(line.indentation)) before it; the '-' of the list above it, in line "
                    + "\(item.number), has \(item.indentation)")
        }
        guard let above = source.line(above: line.number), !line.word.isEmpty else { return nil }
        let expected = opening.column - 1
        guard line.indentation != expected else { return nil }
        let inner = above.bodyColumn - 1
        if inner > expected, line.indentation > expected, !above.word.isEmpty {
            return refusal(
                line, length: line.word.unicodeScalars.count,
                "'\(line.word)' has \(spaces(line.indentation)) before it; to stand beside '\(above.word)' in line "
                    + "\(above.number) it needs \(inner), beside '\(word(at: opening) ?? "")' in line \(opening.line) "
                    + (expected == 0 ? "none" : "\(expected)"))
        }
        return refusal(
            line, length: line.word.unicodeScalars.count,
            "'\(line.word)' has \(spaces(line.indentation)) before it; to stand beside '\(word(at: opening) ?? above.word)' "
                + "in line \(opening.line) it needs \(expected)")
    }

    private func word(at location: SourceLocation) -> String? {
        guard let line = SourceLine(location.line, of: source), !line.word.isEmpty else { return nil }
        return line.word
    }

    private func spaces(_ count: Int) -> String {
        switch count {
        case 0: "no space"
        case 1: "1 space"
        default: "\(count) spaces"
        }
    }
}
