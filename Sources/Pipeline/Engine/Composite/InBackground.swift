extension Chain {
    /// Hands messages to a queue, behind which its stages run one after the other; the next stage starts at once.
    ///
    /// `async` beside a stage is the short form of it for one.
    ///
    /// ```swift
    /// Chain.InBackground { Transform(); Persist() }
    /// ```
    public struct InBackground: CompositeStage {
        public static let name = "background"
        public static let summary =
            "Hands messages to a queue; its stages run behind it, and the next stage starts at once."

        @Setting("The stages that run behind the queue, one after the other.") public var stages: Chain.StageList

        /// The queue and how it is worked on, as with `async`.
        @Inlined package var policy = Chain.AsyncPolicy()

        /// Nothing yet, for its declaration.
        public init() {}

        /// Runs stages behind a queue.
        public init(_ policy: Chain.AsyncPolicy = Chain.AsyncPolicy(), @Chain.Builder _ steps: () -> [Chain.Step]) {
            self.policy = policy
            stages = Chain.StageList(steps)
        }

        package static let mainSetting = "stages"
        public static let example = """
            - background:
                stages: [{transform: {metadata.topic: "general"}}, persist]
                capacity: 1000
            """

        package var branches: [Chain.StageList] {
            get { [stages] }
            set { stages = newValue[0] }
        }

        package var branchNames: [String] { ["in the background"] }

        package var flow: BranchFlow { .oneOf(isExhaustive: true) }

        public func run(_ message: inout Message) async throws {
            try await stages.stepList.run(&message)
        }
    }
}
