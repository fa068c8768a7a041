/// Runs the stages of another pipeline file, as if they stood here.
package struct Use: CompositeStage, OftenImmediateStage {
    package static let name = "use"
    package static let summary = "Runs the stages of another pipeline file, with values for its variables."

    @Setting(
        "The file, its path relative to the file that names it; where it begins with 'receive', that is passed over.")
    package var file: String

    @Setting("Values for the file's ${NAME} variables; they go before the environment.")
    package var with: [String: ParameterValue] = [:]

    /// What the file has; read with the file that names it.
    @State var stages = Chain.StageList([])

    /// Nothing yet, for its declaration.
    package init() {}

    package static let mainSetting = "file"
    package static let settingsBeside = ["with"]
    package static let example = """
        - use: parts/polite.yaml
          with: {NAME: Ada}
        """

    /// The file that the example names.
    package static let exampleFile = (
        path: "parts/polite.yaml",
        text: """
        pipeline: polite
        stages:
          - transform: {prompt: "You are ${NAME:-a friend}. Answer politely: {{prompt}}"}
        """
    )

    package var branches: [Chain.StageList] {
        get { [stages] }
        set { stages = newValue[0] }
    }

    package var branchNames: [String] { ["stages of \($file ?? "another file")"] }

    package var flow: BranchFlow { .oneOf(isExhaustive: true) }

    package func run(_ message: inout Message) async throws {
        if let continuation = message.takeContinuation() { return try await continuation.resume(with: &message) }
        try await stages.stepList.run(&message)
    }

    package func runWithoutWaiting(_ message: inout Message) throws -> Bool {
        try stages.stepList.runOrSuspend(&message)
    }
}

/// A value for a variable of another file: a text, a number or a boolean, as it is written.
package struct ParameterValue: Sendable, SettingValue {
    let text: String

    /// A scalar.
    package static var settingType: SettingType { .scalar }

    /// Any scalar but null.
    package static func read(_ node: Node, with reader: inout SettingReader) -> ParameterValue? {
        guard let scalar = node.scalar, !node.isNull || scalar.isInterpolated else {
            reader.wrongType(node, expected: settingType)
            return nil
        }
        // What it means is up to the file that gets it.
        reader.examined.insert(node.range)
        return ParameterValue(text: scalar.text)
    }
}
