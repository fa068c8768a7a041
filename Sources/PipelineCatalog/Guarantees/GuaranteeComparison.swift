package import Pipeline

/// One guarantee that is not what it was.
package struct GuaranteeChange: Sendable, Hashable {
    /// What became of it.
    package enum Direction: Sendable {
        case weaker
        case stronger
        /// The same strength, or none that can be compared.
        case different
    }

    package let direction: Direction
    /// The pipeline's name; `nil` for the host.
    package let pipeline: String?
    /// The labels, or the name under `resources:`; for the pipeline as a whole its name.
    package internal(set) var parts: [String]
    /// What it is about.
    package let topic: String
    /// What was promised.
    package let before: String
    /// What is promised now.
    package let now: String

    /// The parts and the topic.
    package var title: String { "\(parts.joined(separator: ", ")), \(topic)" }
}

/// What becomes of the guarantees of served files, and of their host, when others take their place.
package struct GuaranteeComparison: Sendable {
    /// Everything that is not what it was, in the order of the files.
    package private(set) var changes: [GuaranteeChange] = []

    /// Where the changes are that several stages may have in common.
    private var places: [GuaranteeChange: Int] = [:]

    /// The names of the pipelines that were compared.
    package let pipelines: [String]

    /// Compares files that were served with those that are to be served instead.
    ///
    /// - Parameters:
    ///   - old: The files as they were.
    ///   - new: The files as they are to be.
    ///   - host: What the host promised and is to promise.
    package init(
        of old: [PipelineFile], with new: [PipelineFile], host: (before: any Guaranteeing, now: any Guaranteeing)? = nil
    ) {
        pipelines = new.map(\.name)
        let promised = (old.map { PipelineGuarantees($0) }, new.map { PipelineGuarantees($0) })
        for (before, now) in GuaranteeComparison.pairs(promised.0, promised.1) { compare(before, now) }
        if let host {
            compare(
                [GuaranteedPart(kind: .section, name: "host", type: "", guarantees: host.before.guarantees)],
                [GuaranteedPart(kind: .section, name: "host", type: "", guarantees: host.now.guarantees)], in: nil)
        }
    }

    /// The changes of one kind.
    package func changes(_ direction: GuaranteeChange.Direction) -> [GuaranteeChange] {
        changes.filter { $0.direction == direction }
    }

    /// Pipelines of one name, then files of one name, then those that are left, in order.
    private static func pairs(
        _ old: [PipelineGuarantees], _ new: [PipelineGuarantees]
    ) -> [(PipelineGuarantees?, PipelineGuarantees?)] {
        var (rest, pairs): ([PipelineGuarantees?], [Int: PipelineGuarantees]) = (old, [:])
        let tests: [(PipelineGuarantees, PipelineGuarantees) -> Bool] = [
            { $0.name == $1.name }, { $0.path.split(separator: "/").last == $1.path.split(separator: "/").last },
            { _, _ in old.count == new.count },
        ]
        for isPair in tests {
            for index in new.indices where pairs[index] == nil {
                let found = rest.firstIndex { other in other.map { isPair($0, new[index]) } ?? false }
                guard let found else { continue }
                pairs[index] = rest[found]
                rest[found] = nil
            }
        }
        return new.indices.map { (pairs[$0], new[$0]) } + rest.compactMap(\.self).map { ($0, nil) }
    }

    private mutating func compare(_ before: PipelineGuarantees?, _ now: PipelineGuarantees?) {
        if let before, let now { return compare(before.parts, now.parts, in: now.name) }
        guard let name = (before ?? now)?.name else { return }
        let (served, missing) = ("is served", "is not served")
        changes.append(
            GuaranteeChange(
                direction: now == nil ? .weaker : .stronger, pipeline: name, parts: [name], topic: "the pipeline",
                before: before == nil ? missing : served, now: now == nil ? missing : served))
    }

    private mutating func compare(_ old: [GuaranteedPart], _ new: [GuaranteedPart], in pipeline: String?) {
        let pairs = GuaranteedPart.pairs(old, new)
        let names = Renaming(pairs)
        for (before, now) in pairs {
            switch (before, now) {
            case (let before?, let now?): compare(before, now, names, in: pipeline)
            // A resource that is used by nobody any more promises nothing that anybody would miss.
            case (let before?, nil) where before.kind != .resource:
                for guarantee in before.guarantees where guarantee.presence == .always {
                    add(.weaker, before.name, guarantee, guarantee.words, "is gone: \(guarantee.otherwise)", pipeline)
                }
            case (nil, let now?) where now.kind != .resource:
                for guarantee in now.guarantees where guarantee.presence == .always {
                    add(.stronger, now.name, guarantee, guarantee.otherwise, guarantee.words, pipeline)
                }
            default: break
            }
        }
    }

    private mutating func compare(
        _ before: GuaranteedPart, _ now: GuaranteedPart, _ names: Renaming, in pipeline: String?
    ) {
        var rest = now.guarantees.enumerated().reduce(into: [[String?]: [Int]]()) { rest, next in
            rest[[next.element.topic, next.element.resource], default: []].append(next.offset)
        }
        for old in before.guarantees {
            let resource = old.resource.map(names.resource)
            guard let found = rest[[old.topic, resource ?? nil]]?.popLast() else {
                // Where the resource itself is gone, nothing need be promised of it.
                let isOfNothing = resource.map { $0 == nil } ?? false
                if old.presence != .inBoth, !isOfNothing {
                    add(.weaker, now.name, old, names.applied(to: old.words), old.otherwise, pipeline)
                }
                continue
            }
            let new = now.guarantees[found]
            let words = names.applied(to: old.words)
            if let direction = old.strength.change(to: new.strength) {
                add(direction, now.name, new, words, new.words, pipeline)
            } else if words != new.words, old.section != .unsaid, new.section != .unsaid {
                add(.different, now.name, new, words, new.words, pipeline)
            }
        }
        for index in rest.values.joined().sorted() where now.guarantees[index].presence != .inBoth {
            let new = now.guarantees[index]
            add(.stronger, now.name, new, new.otherwise, new.words, pipeline)
        }
    }

    private mutating func add(
        _ direction: GuaranteeChange.Direction, _ part: String, _ guarantee: Guarantee, _ before: String,
        _ now: String, _ pipeline: String?
    ) {
        var change = GuaranteeChange(
            direction: direction, pipeline: pipeline, parts: [], topic: guarantee.topic, before: before, now: now)
        // What becomes of several stages behind one queue is said once.
        if let place = places[change] { return changes[place].parts.append(part) }
        places[change] = changes.count
        change.parts = [part]
        changes.append(change)
    }
}

extension Guarantee.Strength {
    /// How a guarantee that follows stands to this one.
    func change(to next: Guarantee.Strength) -> GuaranteeChange.Direction? {
        switch (self, next) {
        case (.levels(let before), .levels(let now)) where before.count == now.count:
            if zip(before, now).contains(where: { $1 < $0 }) { return .weaker }
            return before == now ? nil : .stronger
        case (.allowing(let before), .allowing(let now)):
            return before == now ? nil : now.isSubset(of: before) ? .stronger : .weaker
        case (.covering(let before), .covering(let now)):
            return before == now ? nil : now.isSuperset(of: before) ? .stronger : .weaker
        default: return nil
        }
    }
}

/// What parts are called now that had another name.
private struct Renaming {
    private var names: [String: String] = [:]
    private var resources: [String: String] = [:]

    init(_ pairs: [(before: GuaranteedPart?, now: GuaranteedPart?)]) {
        for case (let before?, let now?) in pairs {
            if before.name != now.name { names[before.name] = now.name }
            if before.kind == .resource { resources[before.name] = now.name }
        }
    }

    /// What a resource is called now; `nil` where it is gone.
    func resource(_ name: String) -> String? { resources[name] }

    /// A text with the names of now for those in quotes.
    func applied(to text: String) -> String {
        if names.isEmpty { return text }
        var pieces = text.split(separator: "'", omittingEmptySubsequences: false).map(String.init)
        for index in pieces.indices.dropFirst().dropLast() { pieces[index] = names[pieces[index]] ?? pieces[index] }
        return pieces.joined(separator: "'")
    }
}
