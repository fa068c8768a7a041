/// A pipeline as a Mermaid flowchart, for documents.
enum GraphMermaid {
    static func draw(_ graph: PipelineGraph) -> String {
        var lines = ["flowchart LR", "  client([client])"]
        let resourceIDs = graph.resources.map(\.name)
        for (index, resource) in graph.resources.enumerated() {
            lines.append("  r\(index)[(\"\(quoted(resource.name)): \(resource.type)\")]")
        }
        let drawing = GraphEdges(graph)
        for node in drawing.nodes {
            lines.append("  \(node.id)[\"\(quoted(node.box.label))\"]")
            for edge in drawing.edges where edge.to == node.id { lines.append("  \(arrow(edge))") }
            for name in node.box.uses {
                guard let index = resourceIDs.firstIndex(of: name) else { continue }
                lines.append("  \(node.id) -.- r\(index)")
            }
        }
        lines += drawing.edges.filter { $0.to == GraphEdges.client }.map { "  \(arrow($0))" }
        return lines.joined(separator: "\n")
    }

    private static func arrow(_ edge: GraphEdges.Edge) -> String {
        let line = edge.style == .background ? "-.->" : "-->"
        let label = edge.label.map { "|\(quoted($0))|" } ?? ""
        return "\(edge.from) \(line)\(label) \(edge.to)"
    }

    private static func quoted(_ text: String) -> String {
        text.replacing("\"", with: "#quot;").replacing("|", with: "#124;")
    }
}
