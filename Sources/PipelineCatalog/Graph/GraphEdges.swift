import Pipeline

/// A pipeline's steps with the arrows between them, for drawings of boxes and arrows.
struct GraphEdges {
    struct Node {
        let id: String
        let box: PipelineGraph.Box
    }

    struct Edge {
        enum Style {
            case onward
            case background
            case onError
        }

        let from: String
        let to: String
        let label: String?
        let style: Style
    }

    private(set) var nodes: [Node] = []
    private(set) var edges: [Edge] = []

    /// The name of the node that stands for the client.
    static let client = "client"

    /// Where messages leave a step, and what the arrow to the next one says.
    private struct Exit {
        let id: String
        var label: String?
        var style = Edge.Style.onward
    }

    init(_ graph: PipelineGraph) {
        let exits = add(graph.boxes, from: [Exit(id: GraphEdges.client)])
        for exit in exits {
            edges.append(Edge(from: exit.id, to: GraphEdges.client, label: exit.label, style: exit.style))
        }
    }

    /// Draws boxes one after the other, and returns where messages leave the last of them.
    private mutating func add(_ boxes: [PipelineGraph.Box], from start: [Exit]) -> [Exit] {
        var exits = start
        for box in boxes {
            let id = "s\(nodes.count)"
            nodes.append(Node(id: id, box: box))
            let condition = box.condition.isEmpty ? nil : box.conditionWords
            for exit in exits {
                let isQueue = box.queue != nil
                let queue = isQueue ? (["queue"] + box.queueFacts).joined(separator: ", ") : nil
                let label = [exit.label, condition, queue].compactMap(\.self).joined(separator: ", ")
                edges.append(
                    Edge(
                        from: exit.id, to: id, label: label.isEmpty ? nil : label,
                        style: isQueue ? .background : exit.style))
            }
            let after = addBranches(of: box, id)
            if box.queue == nil { exits = after }
            for inner in box.errorSteps {
                _ = add([inner], from: [Exit(id: id, label: "on error", style: .onError)])
            }
        }
        return exits
    }

    private mutating func addBranches(of box: PipelineGraph.Box, _ id: String) -> [Exit] {
        guard let flow = box.flow else { return [Exit(id: id)] }
        var exits: [Exit] = flow == .oneOf(isExhaustive: false) ? [Exit(id: id, label: "otherwise")] : []
        for (index, branch) in box.branches.enumerated() {
            let isCatch = flow == .fallback && index > 0
            let label = box.branches.count > 1 ? branch.name : nil
            exits += add(branch.boxes, from: [Exit(id: id, label: label, style: isCatch ? .onError : .onward)])
        }
        return exits
    }
}

extension PipelineGraph.Box {
    /// For which messages it is.
    var conditionWords: String { "when \(condition.joined(separator: " and "))" }

    /// Its label and what is said of it, a line each.
    var lines: [String] { [label] + facts }
}
