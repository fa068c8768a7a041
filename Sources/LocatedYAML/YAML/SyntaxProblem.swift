/// Says what libyaml could not read, at the place that helps most to mend it.
struct SyntaxProblem {
    private let failure: YAMLEvents.Failure
    private let source: SourceFile
    private let words: FormatWords
    private let offset: Int
    private let place: SourceLocation
    private let opening: SourceLocation
    private let bracket: SourceLocation?

    /// - Parameter bracket: Where the innermost `[` or `{` is that was read and not closed yet.
    init(_ failure: YAMLEvents.Failure, in source: SourceFile, _ words: FormatWords, bracket: SourceLocation?) {
        self.failure = failure
        self.source = source
        self.words = words
        self.bracket = bracket
        offset = source.index.offset(ofPosition: failure.position)
        place = source.index.location(ofPosition: failure.position)
        opening = source.index.location(ofPosition: failure.contextPosition)
    }

    /// The problem as a refusal of the whole file.
    var refusal: Refusal {
        tab ?? SyntaxSlips(source: source, words: words, failure: failure, place: place, opening: opening).refusal
            ?? variable ?? collection ?? quote ?? indentation ?? word ?? escape
            ?? at(place, "this is not YAML: \(failure.problem) \(failure.context)".trimmed)
    }

    // MARK: - Kinds of problems

    private var tab: Refusal? {
        guard let line = source.index.bytes(ofLine: place.line) else { return nil }
        let isFlow = failure.context.contains("flow")
        let indentation = source.index.prefix(from: line.lowerBound) { $0 == 0x20 || $0 == 0x09 }
        let tab = source.index[offset] == 0x09 ? offset : isFlow ? nil : indentation.first { source.index[$0] == 0x09 }
        guard let tab, tab <= offset else { return nil }
        return Refusal(
            code: .yamlTab, range: SourceRange(at: source.index.location(ofOffset: tab)),
            message: "a tab can't stand here: YAML is indented with spaces")
    }

    /// A variable as other tools and languages write it.
    private var variable: Refusal? {
        guard let line = source.line(place.line) else { return nil }
        let behind = String(line.unicodeScalars.dropFirst(place.column - 1))
        let before = line.unicodeScalars.prefix(place.column - 1)
        if behind.hasPrefix("%"), let name = ForeignVariable(in: behind.words)?.name {
            return at(place, "a variable is written \"${\(name)}\"")
        }
        // `os.environ["KEY"]` is a text up to its bracket.
        guard behind.hasPrefix("["), let start = before.lastIndex(of: " "),
            let name = ForeignVariable(in: String(before[start...].dropFirst()) + behind.words)?.name
        else { return nil }
        return at(place, "a variable is written \"${\(name)}\"")
    }

    private var collection: Refusal? {
        if bracket == nil, let closing = source.index[offset],
            closing == UInt8(ascii: "]") || closing == UInt8(ascii: "}"),
            failure.problem.hasPrefix("did not find expected")
        {
            return at(place, "this '\(Character(Unicode.Scalar(closing)))' closes nothing")
        }
        if failure.problem == "did not find expected node content" {
            if isAtEnd, let bracket { return at(bracket, "this bracket is not closed") }
            return at(place, "a value is missing before this")
        }
        let closing: Character
        switch failure.problem {
        case "did not find expected ',' or ']'": closing = "]"
        case "did not find expected ',' or '}'": closing = "}"
        default: return nil
        }
        if source.index[offset] == UInt8(ascii: "{"), offset > 0, source.index[offset - 1] == UInt8(ascii: "$") {
            let dollar = source.index.location(ofOffset: offset - 1)
            let rest = source[bytes: (offset - 1)..<source.text.utf8.count].prefix { !"}\r\n".contains($0) }
            return at(
                dollar, length: 2,
                "inside [ ] and { } a variable must be in quotes: \"\(rest.unicodeScalars.count < 80 ? rest : "${NAME")}\""
            )
        }
        if isAtEnd || place.line > opening.line {
            return at(
                opening,
                hasCommentBehind(opening)
                    ? "'\(closing == "]" ? "[" : "{")' is not closed: everything after ' #' is a comment; put a text with '#' in quotes"
                    : "'\(closing == "]" ? "[" : "{")' is not closed: expected ',' or '\(closing)'")
        }
        if source.index[offset] == UInt8(ascii: ":") {
            return at(place, "a ':' can't stand here: put a text that holds ':' in quotes")
        }
        return at(place, "expected ',' or '\(closing)' here")
    }

    private var quote: Refusal? {
        guard failure.context == "while scanning a quoted scalar" else { return nil }
        let isUnclosed = failure.problem.hasPrefix("found unexpected")
        return isUnclosed ? at(opening, "this quote is not closed") : nil
    }

    private var indentation: Refusal? {
        switch failure.problem {
        case "did not find expected key", "did not find expected '-' indicator":
            if hasTextBefore {
                return at(place, "the value ends before this; put all of it in quotes, or this on a line of its own")
            }
            switch source.index[offset] {
            case UInt8(ascii: ":"):
                return at(place, "a key is missing before this ':'", code: .keyNotScalar)
            case UInt8(ascii: "-") where failure.problem.hasSuffix("key"):
                return at(place, "this '-' is indented like no list above it")
            default:
                let isMapping = failure.problem.hasSuffix("key")
                let kind = isMapping ? "key of the mapping" : "'-' of the list"
                return at(place, "this is no \(kind) that begins in line \(opening.line); is the indentation right?")
            }
        case "mapping values are not allowed in this context":
            return at(
                place,
                hasKeyBefore
                    ? "a second ':' in one line; put a value that holds ': ' in quotes, and settings in braces, as in "
                        + "{key: value}"
                    : "a ':' can't stand here; is the line indented too far?")
        case "block sequence entries are not allowed in this context":
            return at(place, "a list can't begin here; put its '-' on a line of its own")
        case "could not find expected ':'":
            let line = source.line(opening.line)?.unicodeScalars.count ?? 0
            let length = max(1, line + 1 - opening.column)
            let isItem = source.index[source.index.offset(of: opening)] == UInt8(ascii: "-")
            let hint = isItem ? "; a '-' of a list is followed by a space" : ""
            return at(opening, length: length, "expected 'key: value', but there is no ':' here\(hint)")
        case "did not find expected <document start>":
            return at(place, "expected '---' below a directive")
        default: return nil
        }
    }

    private var word: Refusal? {
        switch failure.problem {
        case "found character that cannot start any token":
            let first = source[bytes: offset..<source.text.utf8.count].unicodeScalars.first.map { String($0) } ?? ""
            return at(place, "'\(first)' can't begin a value; put the value in quotes")
        case "did not find expected comment or line break":
            return at(place, "the text of a block begins in the line below its '|' or '>'")
        case "found undefined tag handle":
            return at(place, "tags are not supported; put the value in quotes", code: .yamlTag)
        default: break
        }
        switch failure.context {
        case "while scanning an alias": return at(opening, "'*' begins an alias; put the value in quotes")
        case "while scanning an anchor": return at(opening, "'&' begins an anchor; put the value in quotes")
        case "while scanning a tag", "while parsing a tag":
            return at(opening, "'!' begins a tag; put the value in quotes")
        default: return nil
        }
    }

    private var escape: Refusal? {
        switch failure.problem {
        case "found unknown escape character":
            let escape = source[bytes: offset..<source.text.utf8.count].unicodeScalars.prefix(2).map { String($0) }
                .joined()
            return at(
                place, length: 2, "'\(escape)' is no escape; write '\\\(escape)' for a backslash, or use single quotes")
        case "did not find expected hexdecimal number":
            return at(place, "expected the hexadecimal digits of a character")
        case "found invalid Unicode character escape code":
            return at(place, "no character has this number")
        default: return nil
        }
    }

    // MARK: - Places

    private func hasCommentBehind(_ place: SourceLocation) -> Bool {
        guard let line = source.line(place.line)?.unicodeScalars.dropFirst(place.column - 1) else { return false }
        return String(line).contains(" #")
    }

    private var isAtEnd: Bool {
        source.index[source.index.nextContentOffset(from: offset)] == nil
    }

    private var hasTextBefore: Bool {
        source.line(place.line)?.unicodeScalars.prefix(place.column - 1).contains { $0 != " " && $0 != "-" } ?? false
    }

    private var hasKeyBefore: Bool {
        let before = source.line(place.line)?.unicodeScalars.prefix(place.column - 1)
        return before.map { String($0).contains(": ") } ?? false
    }

    /// A refusal at a place; where that is past the last character, at the end of the text before it.
    private func at(
        _ place: SourceLocation, length: Int = 1, _ message: String, code: DiagnosticCode = .yamlSyntax
    ) -> Refusal {
        let offset = source.index.offset(of: place)
        let isPastEnd = source.index[offset] == nil && offset > 0
        let end = isPastEnd ? source.index.trimmedEnd(of: 0..<source.index.count) : 0
        let place = isPastEnd ? source.index.location(ofPosition: end) : place
        return Refusal(code: code, range: SourceRange(at: place, length: length), message: message)
    }
}

extension String {
    /// Up to what ends a value inside brackets.
    fileprivate var words: String { String(prefix { !",} ".contains($0) }) }

    /// Without the space at its end that an empty context leaves.
    fileprivate var trimmed: String {
        hasSuffix(" ") ? String(dropLast()) : self
    }
}
