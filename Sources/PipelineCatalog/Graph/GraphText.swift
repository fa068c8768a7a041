import Pipeline

/// A pipeline as lines for a terminal: what the client waits for stands on the line from client to client, what runs in
/// the background beside it.
enum GraphText {
    static func draw(_ graph: PipelineGraph) -> String {
        var lines = [graph.name, "  client", "    │"]
        for box in graph.boxes { append(box, indentation: "    ", to: &lines) }
        lines += ["    ▼", "  client"]
        return lines.joined(separator: "\n")
    }

    private static func append(_ box: PipelineGraph.Box, indentation: String, to lines: inout [String]) {
        var line = box.queue == nil ? "\(indentation)├─ \(box.label)" : "\(indentation)├┄┄▷ \(box.label)"
        if box.label != box.stage { line += " (\(box.stage))" }
        if !box.uses.isEmpty { line += "  → \(box.uses.joined(separator: ", "))" }
        if let queue = box.queue {
            line +=
                "  [\((["in the background: queue in \(queue) when full"] + box.queueFacts).joined(separator: "; "))]"
        }
        let facts = (box.condition.isEmpty ? [] : [box.conditionWords]) + box.facts
        if !facts.isEmpty { line += "  [\(facts.joined(separator: "; "))]" }
        lines.append(line)
        let isNamed = box.branches.count > 1 || box.flow == .oneOf(isExhaustive: false)
        for branch in box.branches {
            if isNamed { lines.append("\(indentation)│    \(branch.name):") }
            for inner in branch.boxes { append(inner, indentation: "\(indentation)│    ", to: &lines) }
        }
        guard !box.errorSteps.isEmpty else { return }
        lines.append("\(indentation)│    on error:")
        for inner in box.errorSteps { append(inner, indentation: "\(indentation)│    ", to: &lines) }
    }
}
