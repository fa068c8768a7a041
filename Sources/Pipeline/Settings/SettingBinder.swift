/// Whose settings are bound: for the words and the place of diagnostics.
struct Owner {
    /// `stage 'complete'`.
    let name: String
    /// Where a missing setting is reported: the stage's name.
    let place: SourceRange

    init(_ name: String, place: SourceRange) {
        self.name = name
        self.place = place
    }
}

/// Fills a configurable value from a mapping: first every key is checked against the declarations that reflection
/// finds, then the value is made through its synthesized `init(from:)` with wrappers that already hold their values.
enum SettingBinder {
    /// The value with the mapping's settings and the resources it uses; `nil` after reporting what is wrong.
    static func bind<Target: Configurable>(
        _ prototype: Target, to node: Node?, of owner: Owner, with reader: inout SettingReader
    ) -> Target? {
        let properties = Property.all(of: prototype)
        let uses = properties.filter { ($0.value as? any ResourceUse)?.isOnlyNamed == false }
        var unread = node?.entries ?? []
        var values: [String: Any] = [:]
        var isWhole = true

        func take(_ key: String) -> Node? {
            guard let index = unread.firstIndex(where: { $0.key.scalar?.text == key }) else { return nil }
            defer { unread.removeAll { $0.key.scalar?.text == key } }
            return unread[index].value
        }

        for property in properties {
            values[property.name] = property.value
            if let inlined = property.value as? any InlinedSettings {
                let names = inlined.settings.map(\.name)
                let own = unread.filter { names.contains($0.name) }
                unread.removeAll { names.contains($0.name) }
                let node = Node(content: .mapping(own), range: owner.place)
                values[property.name] = inlined.reading(node, of: owner, with: &reader)
            } else if let use = property.value as? any ResourceUse {
                let key = use.key(for: property, amongst: uses.count)
                let request = ResourceRequest(key: key, node: take(key), owner: owner)
                values[property.name] = use.resolved(request, with: &reader)
            } else if let declaration = property.value as? any SettingDeclaration {
                if let value = take(property.key) {
                    values[property.name] = reader.with(subject: "'\(property.key)' of \(owner.name)") {
                        declaration.reading(value, with: &$0)
                    }
                } else if declaration.isRequired {
                    reader.diagnostics.error(
                        .missingSetting, at: owner.place,
                        "\(owner.name) needs the setting '\(property.key)' (\(declaration.type))")
                    values[property.name] = nil
                }
            }
            isWhole = isWhole && values[property.name] != nil
        }
        if !unread.isEmpty {
            let known = Target.settings.map(\.name)
            for entry in unread { reportUnknown(entry.key, of: owner, known: known, with: &reader) }
        }
        guard isWhole, unread.isEmpty else { return nil }
        return instance(from: values, owner: owner, with: &reader)
    }

    /// The value with those settings that are good, for what it says of itself: what it needs and provides may depend on
    /// one setting, and another be wrong.
    static func outline<Target: Configurable>(
        _ prototype: Target, of node: Node?, owner: Owner, with reader: SettingReader
    ) -> Target {
        var silent = reader
        var values: [String: Any] = [:]
        for property in Property.all(of: prototype) {
            values[property.name] = property.value
            guard let declaration = property.value as? any SettingDeclaration, let value = node?[property.key],
                let read = declaration.reading(value, with: &silent)
            else { continue }
            values[property.name] = read
        }
        return instance(from: values, owner: owner, with: &silent) ?? prototype
    }

    /// Only a hand-written `init(from:)` can fail here; the synthesized one takes what it is given.
    private static func instance<Target: Configurable>(
        from values: [String: Any], owner: Owner, with reader: inout SettingReader
    ) -> Target? {
        do {
            return try Target(from: BoundValues(values: values))
        } catch {
            reader.diagnostics.error(.badValue, at: owner.place, "\(owner.name) can't be made: \(error)")
            return nil
        }
    }

    private static func reportUnknown(
        _ key: Node, of owner: Owner, known: [String], with reader: inout SettingReader
    ) {
        let word = key.scalar?.text ?? ""
        if !known.contains(word), Modifiers.names.contains(word), owner.name.hasPrefix("stage ") {
            reader.diagnostics.error(
                .misplacedModifier, at: key.range,
                "'\(word)' is a modifier: write it beside \(owner.name), not among its settings")
            return
        }
        reader.diagnostics.error(
            .unknownSetting, at: key.range, "unknown setting '\(word)' of \(owner.name)",
            suggestion: Spelling.nearest(to: word, among: known))
    }
}
