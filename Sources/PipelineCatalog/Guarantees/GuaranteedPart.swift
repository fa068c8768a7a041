import Pipeline

/// A part of a pipeline, or of the host, with what it promises.
struct GuaranteedPart: Sendable {
    enum Kind: Sendable {
        case pipeline
        case stage
        case resource
        case section
    }

    let kind: Kind
    /// Its label, or its name under `resources:`.
    let name: String
    /// The stage's or resource's name in pipeline files.
    let type: String
    /// Whether the file gives the name.
    var isNamed = true
    /// What it is, beyond its type: a part that stores, a database.
    var nature: String?
    /// What the file says of it; known for resources.
    var source: Node?
    let guarantees: [Guarantee]
}

extension GuaranteedPart {
    /// What two parts have in common that are one.
    private struct Key: Hashable {
        let kind: Kind
        var name: String?
        var type: String?
        var nature: String?
        var source: String?
        var guarantees: [Guarantee]?
    }

    /// The parts of two pipelines that are each other's: a part may have another name, or stand elsewhere.
    ///
    /// - Returns: Each part of one with its counterpart, where there is one, and then the parts that are new.
    static func pairs(
        _ old: [GuaranteedPart], _ new: [GuaranteedPart]
    ) -> [(before: GuaranteedPart?, now: GuaranteedPart?)] {
        var counterpart: [Int: Int] = [:]
        var rest = Array(new.indices)
        for key in keys {
            if counterpart.count == old.count || rest.isEmpty { break }
            // The last of them first, so that the first can be taken from the end.
            var candidates: [Key: [Int]] = [:]
            for index in rest.reversed() { if let key = key(new[index]) { candidates[key, default: []].append(index) } }
            for index in old.indices where counterpart[index] == nil {
                guard let key = key(old[index]), let found = candidates[key]?.popLast() else { continue }
                counterpart[index] = found
            }
            let taken = Set(counterpart.values)
            rest.removeAll { taken.contains($0) }
        }
        let known = old.indices.map { (before: Optional(old[$0]), now: counterpart[$0].map { new[$0] }) }
        return known + rest.map { (before: GuaranteedPart?.none, now: Optional(new[$0])) }
    }

    /// By what parts are found to be one, the surest sign first.
    private static let keys: [@Sendable (GuaranteedPart) -> Key?] = [
        { part in
            switch part.kind {
            case .pipeline: Key(kind: .pipeline)
            case .section: Key(kind: .section, name: part.name)
            case .resource: Key(kind: .resource, name: part.name)
            case .stage: part.isNamed ? Key(kind: .stage, name: part.name, type: part.type) : nil
            }
        },
        { part in part.source.map { Key(kind: part.kind, type: part.type, source: $0.fingerprint) } },
        { part in
            part.kind == .stage
                ? Key(kind: .stage, name: part.name, type: part.type, guarantees: part.signature) : nil
        },
        { part in part.kind == .stage ? Key(kind: .stage, type: part.type, guarantees: part.signature) : nil },
        { Key(kind: $0.kind, name: $0.name, type: $0.type) },
        { Key(kind: $0.kind, type: $0.type) },
        // Rows may go through another stage, or to another database.
        { part in part.nature.map { Key(kind: part.kind, nature: $0) } },
    ]

    /// What it promises, whatever it is called.
    private var signature: [Guarantee] {
        guarantees.map { guarantee in
            var copy = Guarantee(
                guarantee.topic, guarantee.words.replacing("'\(name)'", with: "''"), guarantee.strength,
                otherwise: "", of: guarantee.resource)
            copy.section = guarantee.section
            return copy
        }
    }
}

extension Node {
    /// The same text for two nodes that say the same, whatever the order of keys.
    fileprivate var fingerprint: String {
        switch content {
        case .scalar(let scalar): "\(scalar.text.utf8.count):\(scalar.text)"
        case .sequence(let nodes): "[\(nodes.map(\.fingerprint).joined(separator: ","))]"
        case .mapping(let entries):
            "{\(entries.map { "\($0.key.fingerprint)=\($0.value.fingerprint)" }.sorted().joined(separator: ","))}"
        }
    }
}
