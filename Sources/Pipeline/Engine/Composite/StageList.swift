extension Chain {
    /// Stages inside another one: a setting that is a list like `stages:` itself.
    public struct StageList: Sendable {
        /// The stages with their modifiers.
        public var steps: [Chain.Step]

        /// The steps made ready to run, once the chain is made.
        package var stepList = StepList()

        /// Stages in order.
        public init(@Chain.Builder _ steps: () -> [Chain.Step]) {
            self.steps = steps()
        }

        init(_ steps: [Chain.Step]) {
            self.steps = steps
        }
    }
}

extension Chain.StageList: SettingValue {
    /// Stages.
    public static var settingType: SettingType { .stages }

    /// A list of stages, each with its settings and modifiers. Those with errors keep their place.
    public static func read(_ node: Node, with reader: inout SettingReader) -> Chain.StageList? {
        guard let elements = node.elements, !elements.isEmpty, let file = reader.context as? any StageListReading else {
            reader.stagesAreKnown = false
            reader.wrongType(node, expected: .other("list of stages"))
            return nil
        }
        return Chain.StageList(file.steps(elements, with: &reader))
    }
}

/// Reads lists of stages: the loader of the file that they stand in.
protocol StageListReading: Sendable {
    /// The steps in order, with everything that is wrong reported. One with wrong settings keeps its place; one that is
    /// unknown is left out, and the reader knows it.
    func steps(_ nodes: [Node], with reader: inout SettingReader) -> [Chain.Step]
}
