/// Builds a tree from libyaml's events, and reports what pipeline files can't have.
struct NodeBuilder: ~Copyable {
    private(set) var diagnostics: Diagnostics
    private var events: YAMLEvents
    private let source: SourceFile
    private let limits: YAMLReader.Limits
    private let words: FormatWords
    private var count = 0
    /// Where the lists and mappings begin that are not closed yet, the innermost last.
    private var open: [Int] = []
    /// False where the tree lacks what a merge key would have put there, so that checking it would mislead.
    private var isWhole = true

    init(source: SourceFile, limits: YAMLReader.Limits, words: FormatWords, diagnostics: Diagnostics) {
        self.source = source
        self.limits = limits
        self.words = words
        self.diagnostics = diagnostics
        self.events = YAMLEvents(source.text)
    }

    /// The document's root.
    mutating func build() -> Node? {
        do throws(Refusal) {
            let root = try document()
            return isWhole ? root : nil
        } catch {
            diagnostics.error(error.code, at: error.range, error.message)
            return nil
        }
    }

    private mutating func document() throws(Refusal) -> Node {
        var root: Node?
        while true {
            let event = try next()
            switch event.kind {
            case .other: continue
            case .documentEnd:
                try expectEnd(after: event.positions.upperBound)
                fallthrough
            case .streamEnd:
                guard let root, !root.isNothing else {
                    throw Refusal(
                        code: .empty, range: SourceRange(at: .start, length: 0), message: "there is nothing in the file"
                    )
                }
                return root
            default: root = try node(event)
            }
        }
    }

    /// libyaml isn't asked for more after the first document: it might be large, and is refused anyway.
    private func expectEnd(after position: Int) throws(Refusal) {
        guard let found = source.index.nextContent(after: position) else { return }
        let isDocument = source[bytes: found..<source.text.utf8.count].hasPrefix("---")
        let place = source.index.location(ofOffset: found)
        throw Refusal(
            code: isDocument ? .yamlDocuments : .yamlSyntax, range: SourceRange(at: place, length: isDocument ? 3 : 1),
            message: isDocument
                ? source.index.nextContentOffset(from: found + 3) == source.index.byteCount
                    ? "a file ends without '---': take this line away"
                    : "a second document begins here; a file has one, put the other in a file of its own"
                : "the file should end here: what is above is a whole value already")
    }

    private mutating func next() throws(Refusal) -> YAMLEvents.Event {
        // A file with so many problems is read no further; the collector says that there may be more.
        if diagnostics.isFull, let last = diagnostics.items.last {
            throw Refusal(code: last.code, range: last.range ?? SourceRange(at: .start), message: last.message)
        }
        do {
            return try events.next()
        } catch {
            throw SyntaxProblem(error, in: source, words, bracket: bracket).refusal
        }
    }

    /// The innermost list or mapping that is not closed yet, where it has brackets.
    private var bracket: SourceLocation? {
        guard let position = open.last else { return nil }
        let first = source.index[source.index.offset(ofPosition: position)]
        return first == UInt8(ascii: "[") || first == UInt8(ascii: "{") ? place(position) : nil
    }

    private mutating func node(_ event: YAMLEvents.Event) throws(Refusal) -> Node {
        count += 1
        guard count <= limits.nodes else {
            throw Refusal(
                code: .yamlTooManyNodes, range: SourceRange(at: place(event.positions.lowerBound)),
                message: "more than \(limits.nodes) values in one file")
        }
        switch event.kind {
        case .scalar(let text, let style): return try scalar(text, style, event)
        case .sequenceStart: return try nested(event) { builder, start throws(Refusal) in try builder.sequence(start) }
        case .mappingStart: return try nested(event) { builder, start throws(Refusal) in try builder.mapping(start) }
        default: return alias(event)
        }
    }

    private mutating func scalar(
        _ text: String, _ style: Scalar.Style, _ event: YAMLEvents.Event
    ) throws(Refusal) -> Node {
        let start = event.hasProperties ? refuseProperties(of: event) : event.positions.lowerBound
        var end = max(start, event.positions.upperBound)
        // libyaml ends a block where the next value begins.
        if style == .literal || style == .folded { end = source.index.trimmedEnd(of: start..<end) }
        let range = SourceRange(start: place(start), end: place(end))
        if text.holds(byte: 0) {
            throw Refusal(code: .yamlCharacter, range: range, message: "the character U+0000 is not allowed")
        }
        if event.hasProperties { diagnostics.settle(range) }
        return Node(content: .scalar(Scalar(text, style: style)), range: range)
    }

    /// An alias stands for its own text, of which nothing more is reported.
    private mutating func alias(_ event: YAMLEvents.Event) -> Node {
        let range = SourceRange(start: place(event.positions.lowerBound), end: place(event.positions.upperBound))
        let text = String(source[bytes: source.bytes(of: range)])
        diagnostics.error(
            .yamlAlias, at: range, "aliases are not supported; write the value out instead of '\(text)'")
        diagnostics.settle(range)
        return Node(content: .scalar(Scalar(text, style: .doubleQuoted)), range: range)
    }

    private mutating func nested(
        _ event: YAMLEvents.Event, _ body: (inout NodeBuilder, Int) throws(Refusal) -> Node
    ) throws(Refusal) -> Node {
        guard open.count < limits.depth else {
            throw Refusal(
                code: .yamlTooDeep, range: SourceRange(at: place(event.positions.lowerBound)),
                message: "more than \(limits.depth) lists and mappings inside each other")
        }
        let start = event.hasProperties ? refuseProperties(of: event) : event.positions.lowerBound
        open.append(start)
        defer { open.removeLast() }
        return try body(&self, start)
    }

    private mutating func sequence(_ start: Int) throws(Refusal) -> Node {
        var elements: [Node] = []
        while true {
            let event = try next()
            if case .collectionEnd = event.kind {
                return Node(content: .sequence(elements), range: range(from: start, last: elements.last, end: event))
            }
            elements.append(try node(event))
        }
    }

    private mutating func mapping(_ start: Int) throws(Refusal) -> Node {
        var entries: [Node.Entry] = []
        var lines: [String: Int] = [:]
        var last: Node?
        var isTemplate = false
        while true {
            let event = try next()
            if case .collectionEnd = event.kind {
                let range = self.range(from: start, last: last, end: event)
                if isTemplate { diagnostics.settle(range) }
                return Node(content: .mapping(entries), range: range)
            }
            let key = try node(event)
            isTemplate = isTemplate || unquotedTemplate(key) != nil
            let name = accept(key, &lines)
            let value = try self.value(isMerge: isMerge(key))
            last = value
            if let name, lines[name] == nil {
                lines[name] = key.range.start.line
                entries.append(Node.Entry(key: key, value: value))
            }
        }
    }

    /// The text of a good key, after reporting what is wrong with it.
    private mutating func accept(_ key: Node, _ lines: inout [String: Int]) -> String? {
        if let template = unquotedTemplate(key) {
            diagnostics.error(
                .yamlSyntax, at: template, "'{{' begins a mapping here: put the text in quotes, as in \"{{prompt}}\"")
            return nil
        }
        guard let name = key.scalar?.text, !name.isEmpty else {
            let nature = key.scalar == nil ? "a list or a mapping" : "empty"
            diagnostics.error(.keyNotScalar, at: key.range, "a key must be a word, not \(nature)")
            return nil
        }
        if isMerge(key) {
            isWhole = false
            diagnostics.error(
                .yamlAlias, at: key.range, "merge keys are not supported; write the keys out instead of '<<'")
            return nil
        }
        if let line = lines[name] {
            diagnostics.error(.duplicateKey, at: key.range, "the key '\(name)' is there already, in line \(line)")
        }
        return name
    }

    /// The place of `{{prompt}}` without quotes, which is a mapping whose key is one.
    private func unquotedTemplate(_ key: Node) -> SourceRange? {
        guard key.entries != nil, key.range.start.column > 1 else { return nil }
        let start = SourceLocation(line: key.range.start.line, column: key.range.start.column - 1)
        let bytes = (
            source.index[source.index.offset(of: start)], source.index[source.index.offset(of: key.range.start)]
        )
        guard bytes == (UInt8(ascii: "{"), UInt8(ascii: "{")) else { return nil }
        return SourceRange(
            start: start, end: SourceLocation(line: key.range.end.line, column: key.range.end.column + 1))
    }

    private func isMerge(_ key: Node) -> Bool {
        guard let scalar = key.scalar else { return false }
        return scalar.style == .plain && scalar.text == "<<"
    }

    /// The value behind a key; an alias behind a merge key was reported with the key.
    private mutating func value(isMerge: Bool) throws(Refusal) -> Node {
        let event = try next()
        if isMerge, case .alias = event.kind {
            let range = SourceRange(start: place(event.positions.lowerBound), end: place(event.positions.upperBound))
            diagnostics.settle(range)
        }
        return try node(event)
    }

    /// Reports the anchor and the tag before a value.
    ///
    /// - Returns: Where the value itself begins.
    private mutating func refuseProperties(of event: YAMLEvents.Event) -> Int {
        let properties = NodeProperties(in: source, at: event.positions)
        if let anchor = properties.anchor {
            diagnostics.error(
                .yamlAlias, at: anchor, "anchors are not supported; write the value out wherever it is needed")
        }
        if let tag = properties.tag {
            let isVariable = ["!env", "!ENV", "!Env", "!secret", "!vault", "!env_var"].contains(
                String(source[bytes: source.bytes(of: tag)]))
            diagnostics.error(
                .yamlTag, at: tag,
                isVariable
                    ? "tags are not supported; a variable is written \"${NAME}\""
                    : "tags are not supported; quotes make a string, other values are what they look like")
        }
        return properties.end
    }

    /// A block's end event has no text of its own: such a collection ends with its last value.
    private func range(from start: Int, last: Node?, end: YAMLEvents.Event) -> SourceRange {
        let first = place(start)
        if end.positions.isEmpty, let last { return SourceRange(start: first, end: max(first, last.range.end)) }
        return SourceRange(start: first, end: max(first, place(end.positions.upperBound)))
    }

    private func place(_ position: Int) -> SourceLocation {
        source.index.location(ofPosition: position)
    }
}

extension Node {
    /// Whether nothing was written: a document of comments alone.
    fileprivate var isNothing: Bool {
        guard let scalar else { return false }
        return scalar.style == .plain && scalar.text.isEmpty
    }
}
