/// Reads `resources:`, where each entry is `NAME: {TYPE: {settings}}`.
struct ResourceSection {
    private let registry: Registry
    /// Those of the same file as it was before.
    private let former: [NamedResource]
    private let wrapping: ResourceWrapping?

    init(_ file: FileContext) {
        (registry, former, wrapping) = (file.registry, file.former, file.wrapping)
    }

    /// The resources without errors, in the order of the file; the others are remembered as broken.
    func read(_ node: Node?, with reader: inout SettingReader) -> [NamedResource] {
        guard let node, !node.isNull else {
            reader.lacksResources = true
            return []
        }
        guard let entries = node.entries else {
            reader.with(subject: "'resources'") {
                $0.wrongType(
                    node, expected: .other("mapping of names to resources"),
                    hint: node.elements == nil ? "as in {model: echo}" : "write 'model: …' without a '-'")
            }
            reader.resourcesAreKnown = false
            return []
        }
        var resources: [NamedResource] = []
        var rest = entries[...]
        while let entry = rest.popFirst() {
            let name = entry.key.scalar?.text ?? ""
            if isMisplaced(entry, before: rest.first, with: &reader) {
                if entry.value.isNull, let type = rest.popFirst() { reader.brokenResources.insert(type.name) }
                reader.brokenResources.insert(name)
                // It was meant to have the name by which stages ask for it.
                if !entry.value.isNull { reader.resourcesAreKnown = false }
            } else if let made = read(entry.value, named: name, with: &reader) {
                let resource = wrapping?(name, made) ?? made
                let new = NamedResource(
                    name: name, resource: resource, source: entry.value.filled(with: reader.secretFiles))
                resources.append(former.first { $0.goesOn(as: new) } ?? new)
                reader.resources = resources
            } else {
                reader.brokenResources.insert(name)
            }
        }
        return resources
    }

    /// A type in the place of a name, and a type beside its name in the place of below it.
    private func isMisplaced(_ entry: Node.Entry, before next: Node.Entry?, with reader: inout SettingReader) -> Bool {
        let name = entry.name
        if entry.value.isNull, let next, isType(next) {
            reader.diagnostics.error(
                .secondKey, at: next.key.range,
                "'\(next.name)' is the type of '\(name)': indent it further than '\(name)'")
            return true
        }
        guard isType(entry), let type = registry.resources[name] else { return false }
        let kind = type.kind
        reader.diagnostics.error(
            .unknownResourceType, at: entry.key.range,
            "a name is missing before the type '\(name)': write '\(kind == "resource" ? "NAME" : kind): {\(name): …}'")
        return true
    }

    /// Whether a type stands where a name should, with its settings behind it.
    private func isType(_ entry: Node.Entry) -> Bool {
        guard registry.resources[entry.name] != nil else { return false }
        if let text = entry.value.scalar?.text { return registry.resources[text] == nil }
        guard let entries = entry.value.entries else { return false }
        return !entries.contains { registry.resources[$0.name] != nil }
    }

    /// `type: openai` beside the settings.
    private func namedByKey(_ entries: [Node.Entry], with reader: inout SettingReader) -> Bool {
        guard registry.resources[entries[0].name] == nil,
            let entry = entries.first(where: { entry in
                let names = ["type", "kind", "driver", "provider", "engine", "class", "name", "backend"]
                let type = entry.value.scalar?.text ?? ""
                return names.contains(entry.name)
                    && (registry.resources[type] != nil
                        || Spelling.meant(by: type, among: registry.resources.keys) != nil)
            }), let written = entry.value.scalar?.written
        else { return false }
        let type =
            registry.resources[written] != nil
            ? written
            : Spelling.meant(by: written, among: registry.resources.keys.sorted()) ?? written
        reader.diagnostics.error(
            .unknownResourceType, at: entry.key.range,
            "the type is the key, with its settings behind it: write '\(type): {…}'")
        return true
    }

    private func read(_ node: Node, named name: String, with reader: inout SettingReader) -> (any Resource)? {
        let typeNode: Node
        let settings: Node?
        switch node.content {
        case .scalar where !node.isNull:
            (typeNode, settings) = (node, nil)
        case .mapping(let entries) where !entries.isEmpty:
            if namedByKey(entries, with: &reader) { return nil }
            let isKnown = registry.resources[entries[0].name] != nil
            for second in entries.dropFirst() where isKnown {
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
            let known = registry.resources.keys.sorted()
            let meant = Spelling.meant(by: typeName, among: known)
            let list = meant == nil ? "; there are: \(known.joined(separator: ", ")); \(Registry.hint)" : ""
            reader.diagnostics.error(
                .unknownResourceType, at: typeNode.range, "unknown type '\(typeName)' of resource '\(name)'\(list)",
                suggestion: meant)
            return nil
        }
        let owner = Owner("resource '\(name)'", place: typeNode.range)
        guard Settings.areMapping(settings, of: owner, type, with: &reader) else { return nil }
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
    static func areMapping(
        _ node: Node?, of owner: Owner, _ type: any Configurable.Type, with reader: inout SettingReader
    ) -> Bool {
        guard let node, !node.isNull, node.entries == nil else { return true }
        let cure = cure(node, type, reader)
        reader.with(subject: "what follows \(owner.name)") {
            $0.wrongType(
                node, expected: .other("mapping of its settings"), hint: cure?.words, isSecret: cure?.isSecret ?? false)
        }
        return false
    }

    /// The value as that of a setting which it can be, and whether that is a secret.
    private static func cure<Target: Configurable>(
        _ node: Node, _ type: Target.Type, _ reader: SettingReader
    ) -> (words: String, isSecret: Bool)? {
        guard node.scalar?.isInterpolated != true else { return nil }
        if node.isNull || node.scalar?.text.isEmpty == true { return nil }
        func open(_ words: String) -> (words: String, isSecret: Bool) { (words, false) }
        if let text = node.scalar?.text, let mark = text.firstIndex(where: { ":=".contains($0) }) {
            let (key, value) = (text[..<mark].trimmedSpaces, text[mark...].drop { ":=> ".contains($0) })
            if let setting = type.settings.first(where: { $0.name == key }), !value.isEmpty {
                return setting.type.isSecret ? ("write '\(key): …'", true) : open("write '\(key): \(value)'")
            }
        }
        for property in Property.declared(by: type) {
            var silent = reader
            silent.diagnostics = Diagnostics(source: reader.diagnostics.source)
            let owner = Owner("it", place: node.range)
            switch property.declaration {
            case .setting(let setting):
                if setting.isRequired, case .list(.string) = setting.type, let text = node.scalar?.text {
                    return open("write {\(property.key): \(text.asWords)}")
                } else if setting.type.isSecret {
                    if setting.reading(node, with: &silent) != nil { return ("write {\(property.key): …}", true) }
                } else if setting.reading(node, with: &silent) != nil {
                    return open("write {\(property.key): \(node.flow)}")
                } else if setting.isRequired,
                    let cure = Cure.candidates(for: node, of: setting.type).first(where: {
                        setting.reading($0.node, with: &silent) != nil
                    })
                {
                    return open("write {\(property.key): \(cure.node.flow)}")
                }
            case .use(let use):
                let request = ResourceRequest(key: property.key, node: node, owner: owner)
                guard let found = use.resolved(request, with: &silent), !found.names.isEmpty else { continue }
                return open("write {\(property.key): \(node.flow)}")
            case .inlined, nil: continue
            }
        }
        if case .bool = node.scalar?.value { return open("leave it out") }
        // The first setting is what is meant by a text, as the path of an address.
        if let property = Property.declared(by: type).first, case .setting(let setting) = property.declaration,
            case .string = setting.type
        {
            var silent = reader
            silent.diagnostics = Diagnostics(source: reader.diagnostics.source)
            let cure = Cure.candidates(for: node, of: .string).first { setting.reading($0.node, with: &silent) != nil }
            if let cure { return open("write {\(property.key): \(cure.node.flow)}") }
        }
        return node.elements?.isEmpty == true ? open("leave it out") : nil
    }
}

extension DiagnosticCode {
    /// A second stage in one entry, or a second type of one resource.
    public static let secondKey = DiagnosticCode(rawValue: "second_key")
    /// A type of resource that there is not.
    public static let unknownResourceType = DiagnosticCode(rawValue: "unknown_resource_type")
}
