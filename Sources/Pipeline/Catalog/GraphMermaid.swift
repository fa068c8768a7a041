/// A pipeline as a Mermaid flowchart, for documents.
enum GraphMermaid {
    static func draw(_ graph: PipelineGraph) -> String {
        var lines = ["flowchart LR", "  client([client])"]
        let resourceIDs = graph.resources.map(\.name)
        for (index, resource) in graph.resources.enumerated() {
            lines.append("  r\(index)[(\"\(quoted(resource.name)): \(resource.type)\")]")
        }
        var previous = "client"
        for edge in GraphEdges(graph).all {
            lines.append("  \(edge.id)[\"\(quoted(edge.box.label))\"]")
            let condition = edge.box.condition ? "|when|" : ""
            switch edge.kind {
            case .onward: lines.append("  \(previous) -->\(condition) \(edge.id)")
            case .background: lines.append("  \(previous) -.->|queue| \(edge.id)")
            case .onError(let failed): lines.append("  \(failed) -->|on error| \(edge.id)")
            }
            if case .onward = edge.kind { previous = edge.id }
            for name in edge.box.uses {
                guard let index = resourceIDs.firstIndex(of: name) else { continue }
                lines.append("  \(edge.id) -.- r\(index)")
            }
        }
        lines.append("  \(previous) --> client")
        return lines.joined(separator: "\n")
    }

    private static func quoted(_ text: String) -> String {
        text.replacing("\"", with: "#quot;")
    }
}

/// A pipeline's steps with the arrows that lead to them.
struct GraphEdges {
    enum Kind {
        case onward
        case background
        case onError(of: String)
    }

    struct Edge {
        let id: String
        let box: PipelineGraph.Box
        let kind: Kind
    }

    private(set) var all: [Edge] = []

    init(_ graph: PipelineGraph) {
        for box in graph.boxes { add(box, box.queue == nil ? .onward : .background) }
    }

    private mutating func add(_ box: PipelineGraph.Box, _ kind: Kind) {
        let id = "s\(all.count)"
        all.append(Edge(id: id, box: box, kind: kind))
        for inner in box.instead { add(inner, .onError(of: id)) }
    }
}
