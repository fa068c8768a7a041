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

    /// What it promises, whatever it is called.
    fileprivate var signature: [Guarantee] {
        guarantees.map { guarantee in
            var copy = Guarantee(
                guarantee.topic, guarantee.words.replacing("'\(name)'", with: "''"), guarantee.strength,
                otherwise: "", of: guarantee.resource)
            copy.section = guarantee.section
            return copy
        }
    }
}

extension GuaranteedPart {
    /// The parts of two pipelines that are each other's: a part may have another name, or stand elsewhere.
    ///
    /// - Returns: Each part of one with its counterpart, where there is one, and then the parts that are new.
    static func pairs(
        _ old: [GuaranteedPart], _ new: [GuaranteedPart]
    ) -> [(before: GuaranteedPart?, now: GuaranteedPart?)] {
        var counterpart: [Int: Int] = [:]
        var taken: Set<Int> = []
        for isPair in tests {
            for index in old.indices where counterpart[index] == nil {
                let found = new.indices.first { other in
                    !taken.contains(other) && old[index].kind == new[other].kind && isPair(old[index], new[other])
                }
                guard let found else { continue }
                counterpart[index] = found
                taken.insert(found)
            }
        }
        let known = old.indices.map { (before: Optional(old[$0]), now: counterpart[$0].map { new[$0] }) }
        let added = new.indices.filter { !taken.contains($0) }
            .map { (before: GuaranteedPart?.none, now: Optional(new[$0])) }
        return known + added
    }

    /// When two parts are one, the surest sign first.
    private static let tests: [@Sendable (GuaranteedPart, GuaranteedPart) -> Bool] = [
        { $0.kind == .pipeline || $0.kind == .section && $0.name == $1.name },
        { $0.isNamed && $1.isNamed && $0.name == $1.name && ($0.type == $1.type || $0.kind == .resource) },
        { left, right in
            guard left.type == right.type, let mine = left.source, let theirs = right.source else { return false }
            return mine.says(theSameAs: theirs)
        },
        { $0.kind == .stage && $0.type == $1.type && $0.name == $1.name && $0.signature == $1.signature },
        { $0.kind == .stage && $0.type == $1.type && $0.signature == $1.signature },
        { $0.type == $1.type && $0.name == $1.name },
        { $0.type == $1.type },
        // Rows may go through another stage, or to another database.
        { $0.nature != nil && $0.nature == $1.nature },
    ]
}
