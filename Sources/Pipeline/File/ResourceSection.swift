/// Reads `resources:`, where each entry is `NAME: {TYPE: {settings}}`.
struct ResourceSection {
    let registry: Registry
    /// Those of the same file as it was before.
    let former: [NamedResource]

    /// The resources without errors, in the order of the file; the others are remembered as broken.
    func read(_ node: Node?, with reader: inout SettingReader) -> [NamedResource] {
        guard let node, !node.isNull else { return [] }
        guard let entries = node.entries else {
            reader.with(subject: "'resources'") {
                $0.wrongType(node, expected: .other("mapping of names to resources"))
            }
            return []
        }
        var resources: [NamedResource] = []
        for entry in entries {
            let name = entry.key.scalar?.text ?? ""
            if let made = read(entry.value, named: name, with: &reader) {
                let resource = reader.used.wrapping?(name, made) ?? made
                let new = NamedResource(
                    name: name, resource: resource, source: entry.value.filled(with: reader.used.secretFiles))
                resources.append(former.first { $0.goesOn(as: new) } ?? new)
                reader.resources = resources
            } else {
                reader.brokenResources.insert(name)
            }
        }
        return resources
    }

    private func read(_ node: Node, named name: String, with reader: inout SettingReader) -> (any Resource)? {
        let typeNode: Node
        let settings: Node?
        switch node.content {
        case .scalar where !node.isNull:
            (typeNode, settings) = (node, nil)
        case .mapping(let entries) where !entries.isEmpty:
            for second in entries.dropFirst() {
                let key = second.key.scalar?.text ?? ""
                reader.diagnostics.error(
                    .secondKey, at: second.key.range,
                    "resource '\(name)' has one type; '\(key)' is a second, or a setting that belongs inside the first")
            }
            (typeNode, settings) = (entries[0].key, entries[0].value)
        default:
            reader.with(subject: "resource '\(name)'") {
                $0.wrongType(
                    node, expected: .other("mapping of its type to its settings"), hint: "as in {sqlite: {path: …}}")
            }
            return nil
        }
        guard let type = registry.resources[typeNode.scalar?.text ?? ""] else {
            let typeName = typeNode.scalar?.written ?? ""
            reader.diagnostics.error(
                .unknownResourceType, at: typeNode.range, "unknown type '\(typeName)' of resource '\(name)'",
                suggestion: Spelling.nearest(to: typeName, among: registry.resources.keys.sorted()))
            return nil
        }
        let owner = Owner("resource '\(name)'", place: typeNode.range)
        guard Settings.areMapping(settings, of: owner, with: &reader) else { return nil }
        let resource = make(type, settings, owner, &reader)
        return (node.entries?.count ?? 1) == 1 ? resource : nil
    }

    private func make<Target: Resource>(
        _ type: Target.Type, _ settings: Node?, _ owner: Owner, _ reader: inout SettingReader
    ) -> (any Resource)? {
        SettingBinder.bind(Prototype<Target>(), to: settings, of: owner, with: &reader)
    }
}

/// Puts something around a resource as it is made: it is used in its place.
package typealias ResourceWrapping = @Sendable (_ name: String, _ resource: any Resource) -> any Resource

extension NamedResource {
    /// Whether a file that was read again says nothing new of it.
    fileprivate func goesOn(as new: NamedResource) -> Bool {
        guard name == new.name, let source, let newSource = new.source else { return false }
        return source.says(theSameAs: newSource)
    }
}

/// The mapping behind a stage's or a resource's name.
enum Settings {
    /// Whether it is a mapping or left out; anything else is reported.
    static func areMapping(_ node: Node?, of owner: Owner, with reader: inout SettingReader) -> Bool {
        guard let node, !node.isNull, node.entries == nil else { return true }
        reader.with(subject: "what follows \(owner.name)") {
            $0.wrongType(node, expected: .other("mapping of its settings"))
        }
        return false
    }
}

extension DiagnosticCode {
    /// A second stage in one entry, or a second type of one resource.
    public static let secondKey = DiagnosticCode(rawValue: "second_key")
    /// A type of resource that there is not.
    public static let unknownResourceType = DiagnosticCode(rawValue: "unknown_resource_type")
}
