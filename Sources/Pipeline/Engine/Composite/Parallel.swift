extension Chain {
    /// Runs branches of stages at the same time, each on a copy of the message, and goes on once all have ended.
    ///
    /// What each branch changed is taken over. Two branches that provide the same field are an error of the wiring; where
    /// both change what they don't say that they provide, the later branch in the file has the last word. The first branch
    /// that fails cancels the others.
    ///
    /// ```swift
    /// Chain.Parallel {
    ///     Chain.StageList { Moderate() }
    ///     Chain.StageList { Complete() }
    /// }
    /// ```
    public struct Parallel: CompositeStage, OftenImmediateStage {
        public static let name = "parallel"
        public static let summary = "Runs branches of stages at the same time and goes on once all have ended."

        @Setting("The branches, each a list of stages; the first that fails ends the others.", problem: problem)
        public var all: [Chain.StageList]

        /// No branch, for its declaration.
        public init() {}

        /// Runs these at the same time.
        public init(@BranchBuilder _ branches: () -> [Chain.StageList]) {
            all = branches()
        }

        /// Writes the branches of a ``Chain/Parallel`` in Swift.
        @resultBuilder
        public enum BranchBuilder {
            /// One beside the other.
            public static func buildBlock(_ branches: Chain.StageList...) -> [Chain.StageList] { branches }
        }

        private static let problem: @Sendable ([Chain.StageList]) -> String? = { branches in
            branches.isEmpty ? "needs a branch, as in [[stage], [stage]]" : nil
        }

        package static let mainSetting = "all"
        public static let example = """
            - parallel:
                - [{transform: {metadata.topic: "general"}}]
                - [complete]
            """

        package var branches: [Chain.StageList] {
            get { all }
            set { all = newValue }
        }

        package var branchNames: [String] { (0..<all.count).map { "branch \($0 + 1)" } }

        package var flow: BranchFlow { .all }

        public func run(_ message: inout Message) async throws {
            if let continuation = message.takeContinuation() { return try await continuation.resume(with: &message) }
            try await resume(with: all.map { [message] _ in message }, into: &message)
        }

        public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
            var copies = all.map { _ in message }
            var isDone = true
            var ended: [Bool] = []
            for index in all.indices {
                let hasEnded = try all[index].stepList.runOrSuspend(&copies[index])
                ended.append(hasEnded)
                isDone = isDone && hasEnded
            }
            if isDone {
                message.join(copies)
            } else {
                message.continuation = Continuation { [copies, ended] message throws(PipelineError) in
                    try await resume(with: copies, ended: ended, into: &message)
                }
            }
            return isDone
        }

        /// Lets every branch that has not ended go on with its copy of the message, and joins the copies.
        private func resume(
            with copies: [Message], ended: [Bool] = [], into message: inout Message
        ) async throws(PipelineError) {
            var copies = copies
            do {
                try await withThrowingTaskGroup(of: (Int, Message).self) { group in
                    for (index, branch) in all.enumerated() where !(ended.indices.contains(index) && ended[index]) {
                        group.addTask { [copy = copies[index]] in
                            var copy = copy
                            try await branch.stepList.resume(with: &copy)
                            return (index, copy)
                        }
                    }
                    for try await (index, copy) in group { copies[index] = copy }
                }
            } catch {
                throw PipelineError(error, stage: Chain.Parallel.name)
            }
            message.join(copies)
        }
    }
}

extension Message {
    /// Takes over what each of its copies has changed, one after the other.
    fileprivate mutating func join(_ copies: [Message]) {
        let original = self
        for copy in copies { take(changesOf: copy, since: original) }
    }

    private mutating func take(changesOf copy: Message, since original: Message) {
        if copy.prompt != original.prompt { prompt = copy.prompt }
        if copy.completion != original.completion { completion = copy.completion }
        if copy.history != original.history { history = copy.history }
        if copy.metadata != original.metadata {
            for key in Set(copy.metadata.keys).union(original.metadata.keys)
            where copy.metadata[key] != original.metadata[key] {
                metadata[key] = copy.metadata[key]
            }
        }
        if copy.fields != original.fields {
            for field in Set(copy.fields.keys).union(original.fields.keys)
            where copy.fields[field] != original.fields[field] {
                self[field] = copy.fields[field]
            }
        }
    }
}
