extension Chain {
    /// Sends each message through the stages of the first case that it matches; one that matches none passes by.
    ///
    /// ```swift
    /// Chain.Route {
    ///     Chain.Route.Case(when: Chain.Condition("prompt", .startsWith("/help"))) { Help() }
    ///     Chain.Route.Case { Complete() }
    /// }
    /// ```
    public struct Route: CompositeStage, OftenImmediateStage {
        public static let name = "route"
        public static let summary = "Sends each message through the stages of the first case that it matches."

        /// A case, in the order in which they are tried.
        public struct Case: SettingGroup {
            @Setting("The messages that it is for; left out in the last case: all that are left.") public var when:
                Chain.Condition?

            @Setting("The stages that they go through.") public var stages: Chain.StageList

            /// A case without stages, for its declaration.
            public init() {}

            /// A case for some messages, or for all that are left.
            public init(when condition: Chain.Condition? = nil, @Chain.Builder _ steps: () -> [Chain.Step]) {
                when = condition
                stages = Chain.StageList(steps)
            }
        }

        @Setting(
            "The cases, in the order in which they are tried; a message that matches none passes by.", problem: problem)
        public var cases: [Case]

        /// No case, for its declaration.
        public init() {}

        /// Tries cases in this order.
        public init(@CaseBuilder _ cases: () -> [Case]) {
            self.cases = cases()
        }

        /// Writes the cases of a ``Chain/Route`` in Swift.
        @resultBuilder
        public enum CaseBuilder {
            /// One after the other.
            public static func buildBlock(_ cases: Case...) -> [Case] { cases }
        }

        private static let problem: @Sendable ([Case]) -> String? = { cases in
            if cases.isEmpty { return "needs a case, as in [{when: {prompt: {starts_with: /help}}, stages: […]}]" }
            guard let index = cases.firstIndex(where: { $0.when == nil }), index < cases.count - 1 else { return nil }
            return
                "has cases that no message comes to: case \(index + 1) has no 'when' and takes all that are left; move it "
                + "to the end"
        }

        package static let mainSetting = "cases"
        public static let example = """
            - route:
                - when: {prompt: {starts_with: "/help"}}
                  stages: [{transform: {completion: "Ask me anything."}}]
                - stages: [complete]
            """

        package var branches: [Chain.StageList] {
            get { cases.map(\.stages) }
            set { for index in cases.indices { cases[index].stages = newValue[index] } }
        }

        package var branchNames: [String] {
            cases.map { $0.when.map { "when \($0.fieldNames.joined(separator: ", "))" } ?? "otherwise" }
        }

        package var flow: BranchFlow { .oneOf(isExhaustive: cases.last.map { $0.when == nil } ?? false) }

        package func branchesForPart(of message: Message) -> [Chain.StageList] {
            branch(for: message).map { [$0] } ?? []
        }

        private func branch(for message: Message) -> Chain.StageList? {
            cases.first { $0.when?.matches(message) ?? true }?.stages
        }

        public func run(_ message: inout Message) async throws {
            if let continuation = message.takeContinuation() { return try await continuation.resume(with: &message) }
            try await branch(for: message)?.stepList.run(&message)
        }

        public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
            try branch(for: message)?.stepList.runOrSuspend(&message) ?? true
        }
    }
}
