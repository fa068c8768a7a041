import Pipeline

/// A pipeline as a Mermaid flowchart, for documents.
enum GraphMermaid {
    /// Several are one chart, in which each has a frame of its own.
    static func draw(_ graphs: [PipelineGraph]) -> String {
        if graphs.count == 1 { return (["flowchart LR"] + lines(of: graphs[0], "")).joined(separator: "\n") }
        let frames = graphs.enumerated().flatMap { index, graph in
            ["  subgraph p\(index)[\"\(quoted(graph.name))\"]"] + lines(of: graph, "p\(index)").map { "  \($0)" } + [
                "  end"
            ]
        }
        return (["flowchart LR"] + frames).joined(separator: "\n")
    }

    /// - Parameter prefix: What the ids begin with.
    private static func lines(of graph: PipelineGraph, _ prefix: String) -> [String] {
        var lines = ["  \(prefix)client([client])"]
        let resourceIDs = graph.resources.map(\.name)
        for (index, resource) in graph.resources.enumerated() {
            lines.append("  \(prefix)r\(index)[(\"\(quoted(resource.name)): \(resource.type)\")]")
        }
        let drawing = GraphEdges(graph)
        for node in drawing.nodes {
            let text = node.box.lines.map(quoted).joined(separator: "<br>")
            lines.append("  \(prefix)\(node.id)[\"\(text)\"]")
            for edge in drawing.edges where edge.to == node.id { lines.append("  \(arrow(edge, prefix))") }
            for name in node.box.uses {
                guard let index = resourceIDs.firstIndex(of: name) else { continue }
                lines.append("  \(prefix)\(node.id) -.- \(prefix)r\(index)")
            }
        }
        lines += drawing.edges.filter { $0.to == GraphEdges.client }.map { "  \(arrow($0, prefix))" }
        return lines
    }

    private static func arrow(_ edge: GraphEdges.Edge, _ prefix: String) -> String {
        let line = edge.style == .background ? "-.->" : "-->"
        let label = edge.label.map { "|\(isPlain($0) ? $0 : "\"\(quoted($0))\"")|" } ?? ""
        return "\(prefix)\(edge.from) \(line)\(label) \(prefix)\(edge.to)"
    }

    /// Whether a text means itself without quotes.
    private static func isPlain(_ text: String) -> Bool {
        text.allSatisfy { $0.isLetter || $0.isNumber || " ,.".contains($0) }
    }

    private static func quoted(_ text: String) -> String {
        text.replacing("#", with: "#35;").replacing("\"", with: "#quot;").replacing("|", with: "#124;")
            .replacing("<", with: "#lt;").replacing(">", with: "#gt;")
    }
}
