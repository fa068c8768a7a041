/// The entries of a mapping as they are read, one by one.
struct SettingEntries {
    let entries: [Node.Entry]
    let owner: Owner
    /// The keys that are known, each of which was looked for.
    private var known: [String] = []
    private var count = 0
    /// The settings that must be given and are not.
    private(set) var missing: [(key: String, type: SettingType)] = []

    init(entries: [Node.Entry], owner: Owner) {
        self.entries = entries
        self.owner = owner
    }

    /// Those whose keys nobody looked for.
    var unread: [Node.Entry] {
        // Most often there are none.
        count == entries.count ? [] : entries.filter { !known.contains($0.name) }
    }

    mutating func read(
        _ declaration: Property.Declaration, of property: Property, with reader: inout SettingReader
    ) -> Any? {
        switch declaration {
        case .inlined(let inlined):
            let own = inlined.settings.compactMap { take($0.name) }
            return inlined.reading(
                Node(content: .mapping(own), range: owner.place), of: owner, with: &reader)
        case .use(let use):
            let request = ResourceRequest(key: property.key, node: take(property.key)?.value, owner: owner)
            return use.resolved(request, with: &reader)
        case .setting(let setting):
            if let entry = take(property.key) {
                return reader.with(subject: "'\(property.key)' of \(owner.name)") { reader in
                    let value = setting.reading(entry.value, with: &reader)
                    if value != nil { reader.lookForSlips(in: entry, of: setting.type) }
                    return value
                }
            }
            guard setting.isRequired else { return setting }
            missing.append((property.key, setting.type))
            return nil
        }
    }

    /// The first entry with a key. There is a second only where a short form was written out.
    private mutating func take(_ key: String) -> Node.Entry? {
        known.append(key)
        var first: Node.Entry?
        for entry in entries where entry.name == key {
            count += 1
            first = first ?? entry
        }
        return first
    }
}
