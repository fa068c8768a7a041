import Pipeline
import Resources

/// What stands around a stage or resource in an example.
enum ExampleContext {
    /// The resources that are tried, the fewest first.
    static let resources: [[String]] = [[], ["model"], ["model", "database"], ["model", "database", "queue"]]

    /// A resource's lines.
    static func resource(_ kind: String) -> String {
        switch kind {
        case "model": "model: echo"
        case "database": "database:\n  \(SQLite.example)"
        default: "queue: memory"
        }
    }

    /// The lists of stages that are tried.
    ///
    /// - Parameter keeping: Whether what was said is stored, for the stages that read it again.
    static func stages(around entry: String, of stage: any Stage.Type, keeping: Bool) -> [[String]] {
        let answers = entry.contains("complete") || stage.init().provides.contains(.completion)
        let kept = keeping && !entry.contains("persist") ? [Persist.example] : []
        switch stage {
        case is any EntryStage.Type: return [[entry, "- complete"] + kept + ["- respond"]]
        case is any ReplyStage.Type: return [["- receive", "- complete"] + kept + [entry]]
        default:
            let alone = ["- receive", entry] + kept + ["- respond"]
            let before = ["- receive", entry, "- complete"] + kept + ["- respond"]
            let after = ["- receive", "- complete", entry] + kept + ["- respond"]
            return answers ? [alone, before, after] : [before, after, alone]
        }
    }

    /// A file with a resource of that type, used where a stage can.
    static func file(for type: any Resource.Type, entry: String) -> String {
        var resources = ["model: echo"]
        var stages = ["- receive", "- complete", "- respond"]
        switch type {
        case is any Model.Type: resources = ["model:\n  \(entry)"]
        case is any RowStore.Type:
            resources.append("database:\n  \(entry)")
            stages.insert(Persist.example, at: 2)
        case is any QueueStore.Type:
            resources += [resource("database"), "outbox:\n  \(entry)"]
            stages.insert("- persist: {table: requests}\n  async: {queue: outbox}", at: 2)
        default: resources.append("mine:\n  \(entry)")
        }
        return file(name: type.name, resources: resources, stages)
    }

    /// The text of a file.
    static func file(name: String, resources: [String], _ stages: [String]) -> String {
        func indented(_ text: String) -> [String] { text.split(separator: "\n").map { "  \($0)" } }
        let head = ["pipeline: \(name)-example"]
        let shared = resources.isEmpty ? [] : ["resources:"] + resources.flatMap(indented)
        return (head + shared + ["stages:"] + stages.flatMap(indented)).joined(separator: "\n")
    }
}
