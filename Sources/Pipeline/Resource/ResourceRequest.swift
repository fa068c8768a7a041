/// One stage's wish for a resource, and the finding of it.
struct ResourceRequest {
    /// The key that names the resource in the file.
    let key: String
    /// What the file says for that key.
    let node: Node?
    let owner: Owner

    /// The one resource that `cast` accepts, by name where one is given.
    func one<Wanted>(
        required: Bool, with reader: inout SettingReader, as cast: (any Resource) -> Wanted?
    ) -> (name: String, wanted: Wanted)? {
        if let node {
            guard let found = named(node, with: &reader) else { return nil }
            if let wanted = cast(found.resource) { return (found.name, wanted) }
            reader.diagnostics.error(
                .wrongResource, at: node.range,
                "\(owner.name) needs a \(ResourceKind(Wanted.self, as: cast, reader).words); '\(found.name)' is of type \(type(of: found.resource).name)"
                    + (key == "shared" ? "; add \(ResourceRequest.sharedExample("shared"))" : ""))
            return nil
        }
        let candidates = reader.resources.compactMap { named in cast(named.resource).map { (named.name, $0) } }
        if candidates.count > 1 {
            let names = candidates.map { "'\($0.0)'" }.joined(separator: ", ")
            reader.diagnostics.error(
                .ambiguousResource, at: owner.place,
                "\(owner.name) can use \(names): name one, as in {\(key): \(candidates[0].0)}")
            return nil
        }
        if let only = candidates.first { return only }
        if required && reader.brokenResources.isEmpty && reader.resourcesAreKnown {
            let kind = ResourceKind(Wanted.self, as: cast, reader)
            let place = reader.lacksResources ? "the file has no 'resources'" : "'resources' has none"
            reader.diagnostics.error(
                .missingResource, at: owner.place,
                "\(owner.name) needs a \(kind.words), and \(place)\(kind.types.isEmpty ? "" : "; add '\(kind.words): {\(example(of: kind.types))}'")"
            )
            reader.resourcesAreKnown = !reader.lacksResources
        }
        return nil
    }

    /// The type that is shown of those that there are, with room for its settings.
    private func example(of types: some Sequence<String>) -> String {
        let shown = ["openai", "sqlite", "disk"].first { types.contains($0) } ?? types.min() ?? "TYPE"
        return "\(shown): {…}"
    }

    /// The resources of a list of names; every resource of the file where there is no list.
    func all(with reader: inout SettingReader) -> [NamedResource]? {
        guard let node else { return reader.resources }
        guard let elements = node.elements else {
            let names = node.scalar?.written.split(separator: ",").map(\.trimmedSpaces) ?? []
            reader.with(subject: "'\(key)' of \(owner.name)") {
                $0.wrongType(
                    node, expected: .list(.resource),
                    hint: names.isEmpty ? nil : "write [\(names.joined(separator: ", "))]")
            }
            return nil
        }
        let found = elements.map { named($0, with: &reader) }
        return found.contains { $0 == nil } ? nil : found.compactMap { $0 }
    }

    /// The resources of a list of names, each of which `cast` must accept.
    func all<Wanted>(
        with reader: inout SettingReader, as cast: (any Resource) -> Wanted?
    ) -> [(name: String, wanted: Wanted)]? {
        guard let elements = node?.elements else { return all(with: &reader).map { _ in [] } }
        let found = elements.map { element in
            ResourceRequest(key: key, node: element, owner: owner).one(required: true, with: &reader, as: cast)
        }
        return found.contains { $0 == nil } ? nil : found.compactMap { $0 }
    }

    private func named(_ node: Node, with reader: inout SettingReader) -> NamedResource? {
        if let only = node.elements, only.count == 1, let name = only[0].scalar?.written {
            reader.with(subject: "'\(key)' of \(owner.name)") {
                $0.wrongType(node, expected: .resource, hint: "write \(name), without brackets")
            }
            return nil
        }
        let name = reader.with(subject: "'\(key)' of \(owner.name)") { String.read(node, with: &$0) }
        guard let name else { return nil }
        if let found = reader.resources.first(where: { $0.name == name }) { return found }
        if reader.brokenResources.contains(name) { return nil }
        guard reader.resourcesAreKnown else { return nil }
        let shown = node.scalar?.written ?? name
        let names = reader.resources.map(\.name)
        let meant = Spelling.nearest(to: name, among: names)
        reader.diagnostics.error(
            .unknownResource, at: node.range,
            "there is no resource '\(shown)'\(meant == nil ? hint(name, among: names, reader) : "")", suggestion: meant)
        reader.resourcesAreKnown = !reader.lacksResources
        return nil
    }
}

extension ResourceRequest {
    /// What lets hosts share something.
    private static func sharedExample(_ name: String) -> String {
        "'\(name): {nats: {url: nats://127.0.0.1:4222}}' under 'resources'"
    }

    /// What to do about a name that is none.
    private func hint(_ name: String, among names: [String], _ reader: SettingReader) -> String {
        let parts = name.split(separator: " ").map(String.init)
        if parts.count > 1, parts.allSatisfy(names.contains) {
            return "; a comma is missing: [\(parts.joined(separator: ", "))]"
        }
        if reader.lacksResources {
            return ": the file has no 'resources'; add '\(name): {TYPE: {…}}' under 'resources'"
        }
        if key == "shared" { return "; add \(ResourceRequest.sharedExample(name))" }
        if key == "queue" { return "; add '\(name): {disk: {path: data/\(name).db}}' under 'resources'" }
        return names.isEmpty ? "" : "; there are: \(names.joined(separator: ", "))"
    }
}

/// A kind of resources that is asked for.
private struct ResourceKind {
    /// In the words of the documentation: `model` for `any Model`, `database` for `any RowStore`. A kind of one's own is
    /// called as its types say in `kind`; where they don't, by the name of its protocol.
    let words: String
    /// The names of the types of that kind that the file can name.
    let types: [String]

    init<Wanted>(_ wanted: Wanted.Type, as cast: (any Resource) -> Wanted?, _ reader: SettingReader) {
        let fitting = reader.resourceTypes.filter { cast($0.value.init()) != nil }
        types = fitting.keys.sorted()
        let kinds = Set(fitting.values.map { $0.kind })
        if let own = ResourceKind.ofTheEngine.first(where: { $0.type == wanted }) {
            words = own.word
        } else if let word = kinds.first, kinds.count == 1, word != "resource" {
            words = word
        } else {
            words = "resource of the kind \("\(wanted)".replacing("any ", with: ""))"
        }
    }

    private static let ofTheEngine: [(type: Any.Type, word: String)] = [
        ((any Model).self, "model"), ((any RowStore).self, "database"), ((any QueueStore).self, "queue"),
        ((any SharedStore).self, "resource of type nats"),
    ]
}
