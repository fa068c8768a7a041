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
        _ prototype: Prototype<Target>, to node: Node?, of owner: Owner, with reader: inout SettingReader
    ) -> Target? {
        var entries = SettingEntries(entries: node?.entries ?? [], owner: owner)
        var values: [(name: String, value: Any)] = []
        for property in prototype.properties {
            let value =
                if let declaration = property.declaration {
                    entries.read(declaration, of: property, with: &reader)
                } else {
                    prototype.value(of: property)
                }
            if let value { values.append((property.name, value)) }
        }
        let unread = entries.unread
        var meant: Set<String> = []
        if !unread.isEmpty {
            let unknown = UnknownSettings(entries: entries.entries, owner: owner, settings: Target.settings)
            for entry in unread { unknown.report(entry, &meant, with: &reader) }
        }
        // A setting that is written wrong is not missing as well.
        for missing in entries.missing where !meant.contains(missing.key) {
            reader.diagnostics.error(
                .missingSetting, at: owner.place,
                "\(owner.name) needs the setting '\(missing.key)' (\(missing.type))")
        }
        guard values.count == prototype.properties.count, unread.isEmpty else { return nil }
        return instance(from: values, owner: owner, with: &reader)
    }

    /// The value with those settings that are good, for what it says of itself: what it needs and provides may depend on
    /// one setting, and another be wrong.
    static func outline<Target: Configurable>(
        _ type: Target.Type, of node: Node?, owner: Owner, with reader: SettingReader
    ) -> Target {
        var silent = reader
        let prototype = Prototype<Target>()
        let values = prototype.properties.compactMap { property -> (name: String, value: Any)? in
            if case .setting(let setting) = property.declaration, let value = node?[property.key],
                let read = setting.reading(value, with: &silent)
            {
                return (property.name, read)
            }
            return prototype.value(of: property).map { (property.name, $0) }
        }
        return instance(from: values, owner: owner, with: &silent) ?? Target()
    }

    /// Only a hand-written `init(from:)` can fail here; the synthesized one takes what it is given.
    private static func instance<Target: Configurable>(
        from values: [(name: String, value: Any)], owner: Owner, with reader: inout SettingReader
    ) -> Target? {
        do {
            return try Target(from: BoundValues(values: values))
        } catch {
            reader.diagnostics.error(.badValue, at: owner.place, "\(owner.name) can't be made: \(error)")
            return nil
        }
    }
}
