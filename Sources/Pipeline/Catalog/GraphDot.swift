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
        var previous = "client"
        for edge in GraphEdges(graph).all {
            lines.append("  \(edge.id) [label=\(quoted(edge.box.label))];")
            switch edge.kind {
            case .onward:
                let label = edge.box.condition ? " [label=when]" : ""
                lines.append("  \(previous) -> \(edge.id)\(label);")
                previous = edge.id
            case .background: lines.append("  \(previous) -> \(edge.id) [label=queue, style=dashed];")
            case .onError(let failed): lines.append("  \(failed) -> \(edge.id) [label=\"on error\", style=dotted];")
            }
            for name in edge.box.uses {
                lines.append("  \(edge.id) -> \(resourceID(name)) [dir=none, style=dotted];")
            }
        }
        lines += ["  \(previous) -> client;", "}"]
        return lines.joined(separator: "\n")
    }

    private static func resourceID(_ name: String) -> String { quoted("resource \(name)") }

    private static func quoted(_ text: String) -> String {
        "\"\(text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}
