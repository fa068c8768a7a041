import Pipeline

/// A pipeline as a Graphviz graph: `stagecoach graph --format dot FILE | dot -Tsvg`.
enum GraphDot {
    static func draw(_ graph: PipelineGraph) -> String {
        var lines = ["digraph \(quoted(graph.name)) {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
        lines.append("  client [shape=oval];")
        for resource in graph.resources {
            lines.append(
                "  \(resourceID(resource.name)) [label=\(quoted("\(resource.name): \(resource.type)")), shape=cylinder];"
            )
        }
        let drawing = GraphEdges(graph)
        for node in drawing.nodes {
            lines.append("  \(node.id) [label=\(quoted(node.box.lines.joined(separator: "\n")))];")
            for edge in drawing.edges where edge.to == node.id { lines.append("  \(arrow(edge))") }
            for name in node.box.uses {
                lines.append("  \(node.id) -> \(resourceID(name)) [dir=none, style=dotted];")
            }
        }
        lines += drawing.edges.filter { $0.to == GraphEdges.client }.map { "  \(arrow($0))" } + ["}"]
        return lines.joined(separator: "\n")
    }

    private static func arrow(_ edge: GraphEdges.Edge) -> String {
        var attributes = edge.label.map { ["label=\(quoted($0))"] } ?? []
        switch edge.style {
        case .onward: break
        case .background: attributes.append("style=dashed")
        case .onError: attributes.append("style=dotted")
        }
        let list = attributes.isEmpty ? "" : " [\(attributes.joined(separator: ", "))]"
        return "\(edge.from) -> \(edge.to)\(list);"
    }

    private static func resourceID(_ name: String) -> String { quoted("resource \(name)") }

    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n"))\""
    }
}
