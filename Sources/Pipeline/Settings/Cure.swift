/// Another way to write a value that a setting does not take.
struct Cure {
    let node: Node
    /// What to do, as the end of a sentence.
    let words: String

    /// Other ways to write a value, the likeliest first.
    static func candidates(for node: Node, of type: SettingType) -> [Cure] {
        switch node.content {
        case .scalar(let scalar):
            // What a variable holds is never shown.
            if scalar.isInterpolated || scalar.text.isEmpty || scalar.text.utf8.count > 200 { return [] }
            return texts(for: scalar, node.range) + lists(for: scalar, node) + groups(of: type, around: node)
        case .sequence(let elements) where elements.count == 1:
            return [Cure(node: elements[0], words: "write \(elements[0].flow), without brackets")]
        default: return []
        }
    }

    private static func texts(for scalar: Scalar, _ range: SourceRange) -> [Cure] {
        func plain(_ text: String) -> Node { Node(content: .scalar(Scalar(text)), range: range) }
        var cures: [Cure] = []
        if scalar.style == .singleQuoted || scalar.style == .doubleQuoted {
            cures.append(Cure(node: plain(scalar.text), words: "take the quotes away: \(scalar.text)"))
        }
        let quoted = scalar.text.withoutTypographicQuotes
        if let quoted {
            let node = Node(content: .scalar(Scalar(quoted, style: .doubleQuoted)), range: range)
            cures.append(Cure(node: node, words: "these are typographic quotes: write \(JSONText.quoted(quoted))"))
            cures.append(Cure(node: plain(quoted), words: "these are typographic quotes: write \(quoted)"))
        }
        return cures + Rewriting.texts(for: quoted ?? scalar.text).map { Cure(node: plain($0), words: "write \($0)") }
    }

    /// A list of it alone, or of what its commas or spaces part.
    private static func lists(for scalar: Scalar, _ node: Node) -> [Cure] {
        func list(_ texts: [String]) -> Cure {
            let elements = texts.map { Node(content: .scalar(Scalar($0)), range: node.range) }
            let list = Node(content: .sequence(elements), range: node.range)
            return Cure(node: list, words: "write \(list.flow)")
        }
        if scalar.value == .null { return [] }
        func parts(_ separator: Character) -> [Cure] {
            guard scalar.text.contains(separator) else { return [] }
            return [list(scalar.text.split(separator: separator).map { $0.trimmedSpaces }.filter { !$0.isEmpty })]
        }
        let whole = Node(content: .sequence([node]), range: node.range)
        return parts(",") + [Cure(node: whole, words: "write \(whole.flow)")] + parts(" ")
    }

    /// A mapping in which it is the value of a setting.
    private static func groups(of type: SettingType, around node: Node) -> [Cure] {
        guard case .group(let settings) = type, let first = settings.first else { return [] }
        func group(_ name: String, _ value: Node) -> Cure {
            let key = Node(content: .scalar(Scalar(name)), range: node.range)
            let group = Node(content: .mapping([Node.Entry(key: key, value: value)]), range: node.range)
            return Cure(node: group, words: "write \(group.flow)")
        }
        // `retry: true` means the defaults.
        if case .bool(true) = node.scalar?.value, let text = first.defaultText {
            return [group(first.name, Node(content: .scalar(Scalar(text)), range: node.range))]
        }
        return settings.map { group($0.name, node) }
    }
}

extension SettingReader {
    /// Reads a value; where that is not possible, says how to write it, if one of the ways in which people mean it can be read.
    mutating func curing<Value>(
        _ node: Node, of type: SettingType, _ read: (Node, inout SettingReader) -> Value?
    ) -> Value? {
        let before = diagnostics.items.count
        if let value = read(node, &self) { return value }
        guard diagnostics.items.count == before + 1, diagnostics.items[before].range == node.range,
            diagnostics.mayCureLast
        else { return nil }
        if let text = node.scalar?.text, node.scalar?.isInterpolated == false,
            let variable = ForeignVariable(in: text), variable.isCertain
        {
            diagnostics.cureLast("a variable is written \"${\(variable.name)}\"")
            return nil
        }
        if node.scalar?.written.contains("{{") == true, !subject.hasPrefix("'url'"), !isTemplate(type) {
            diagnostics.cureLast("it takes no fields of messages")
            return nil
        }
        if case .list(.string) = type, subject.hasPrefix("'command'"), let text = node.scalar?.written {
            diagnostics.cureLast("write \(text.asWords)")
            return nil
        }
        var silent = self
        silent.fieldUses = []
        let cure = Cure.candidates(for: node, of: type).first { cure in
            var reader = silent
            reader.diagnostics = Diagnostics(source: diagnostics.source)
            return read(cure.node, &reader) != nil && !reader.diagnostics.hasErrors
        }
        if type.mayHoldSecret, !type.isSecret { return nil }
        if let cure { diagnostics.cureLast(type.isSecret ? "put it in brackets: a list has [ and ]" : cure.words) }
        return nil
    }
}

private func isTemplate(_ type: SettingType) -> Bool {
    switch type {
    case .named, .other, .any, .stages, .dictionary: true
    case .list(let element): isTemplate(element)
    default: false
    }
}

extension SettingType {
    /// Whether its values must not be shown.
    var isSecret: Bool {
        switch self {
        case .secret: true
        case .list(let element), .dictionary(let element): element.isSecret
        case .either(let types): types.contains(where: \.isSecret)
        default: false
        }
    }

    /// Whether it is a mapping with a setting of that name.
    func has(_ name: String) -> Bool {
        switch self {
        case .group(let settings): settings.contains { $0.name == name }
        case .either(let types): types.contains { $0.has(name) }
        default: false
        }
    }

    /// Whether a value that it does not take may be a secret which belongs further inside.
    var mayHoldSecret: Bool {
        switch self {
        case .group(let settings): settings.contains { $0.type.mayHoldSecret }
        case .list(let element), .dictionary(let element): element.mayHoldSecret
        case .either(let types): types.contains(where: \.mayHoldSecret)
        default: isSecret
        }
    }
}
