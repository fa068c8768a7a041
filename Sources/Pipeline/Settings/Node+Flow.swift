extension Node {
    /// As it stands inside brackets.
    var flow: String {
        switch content {
        case .scalar(let scalar): scalar.flow
        case .sequence(let elements): "[\(elements.map(\.flow).joined(separator: ", "))]"
        case .mapping(let entries):
            "{\(entries.map { "\($0.key.flow): \($0.value.flow)" }.joined(separator: ", "))}"
        }
    }
}

extension Scalar {
    /// In quotes, unless it is surely the same without them.
    fileprivate var flow: String {
        guard style == .plain else { return JSONText.quoted(written) }
        if case .string = value { return isPlainWord ? written : JSONText.quoted(written) }
        return written
    }

    private var isPlainWord: Bool {
        guard let first = written.first, first.isLetter || first.isNumber || "/._-".contains(first) else {
            return false
        }
        return written != "-" && !written.hasPrefix("- ") && written.last != " "
            && !written.unicodeScalars.contains {
                $0.value < 0x20 || ",[]{}:#\"'&*!|>%@`\\".unicodeScalars.contains($0)
            }
    }
}

extension String {
    /// Its words, as a shell parts them, as a list of a pipeline file.
    var asWords: String {
        let words = shellWords.map { word in
            // A number would not be a word, and one with spaces would look like several.
            let isText = if case .string = Scalar(word).value { !word.contains(" ") } else { false }
            let scalar = Scalar(word, style: isText ? .plain : .doubleQuoted)
            return Node(content: .scalar(scalar), range: SourceRange(at: .start)).flow
        }
        return "[\(words.joined(separator: ", "))]"
    }

    /// Quotes hold words together, and a backslash takes the next character as it is; nothing else means anything.
    private var shellWords: [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var isEscaped = false
        for character in self {
            if isEscaped {
                let staysEscaped = quote == "\"" && !"\"\\$`".contains(character)
                word = (word ?? "") + (staysEscaped ? "\\" : "") + String(character)
                isEscaped = false
            } else if character == "\\", quote != "'" {
                isEscaped = true
            } else if character == quote {
                quote = nil
            } else if quote == nil, character == "\"" || character == "'" {
                quote = character
                word = word ?? ""
            } else if quote == nil, character.isWhitespace {
                if let whole = word { words.append(whole) }
                word = nil
            } else {
                word = (word ?? "") + String(character)
            }
        }
        if isEscaped { word = (word ?? "") + "\\" }
        return words + (word.map { [$0] } ?? [])
    }
}
