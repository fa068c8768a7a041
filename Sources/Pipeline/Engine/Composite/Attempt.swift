import Logging
import Synchronization

extension Chain {
    /// Runs stages, and others where one of them fails.
    ///
    /// The stages of `catch` get the message as it came to the attempt, with the error's `error.code`, `error.message` and
    /// `error.stage` as fields. A message that was cancelled, and an answer that has begun to leave, are not caught.
    ///
    /// ```swift
    /// Chain.Attempt { Complete() } catch: { Apologize() }
    /// ```
    public struct Attempt: CompositeStage, OftenImmediateStage {
        public static let name = "attempt"
        public static let summary = "Runs stages, and those of 'catch' where one of them fails."

        @Setting("The stages that are tried.") public var stages: Chain.StageList

        @Setting("The stages that run if one of them fails, on the message as it arrived; {{error.message}} says why.")
        public var `catch`: Chain.StageList

        @State private var log = Log()

        /// Nothing yet, for its declaration.
        public init() {}

        /// Tries stages, with others for when they fail.
        public init(@Chain.Builder _ steps: () -> [Chain.Step], @Chain.Builder catch others: () -> [Chain.Step]) {
            stages = Chain.StageList(steps)
            `catch` = Chain.StageList(others)
        }

        package static let mainSetting = "stages"
        package static let settingsBeside = ["catch"]
        public static let example = """
            - attempt: [complete]
              catch: [{transform: {completion: "Sorry: {{error.message}}"}}]
            """

        package var branches: [Chain.StageList] {
            get { [stages, `catch`] }
            set { (stages, `catch`) = (newValue[0], newValue[1]) }
        }

        package var branchNames: [String] { ["attempt", "catch"] }

        package var flow: BranchFlow { .fallback }

        package func branchesForPart(of message: Message) -> [Chain.StageList] { [stages] }

        public func open(_ context: StageContext) async throws {
            log.logger.withLock { $0 = context.logger }
        }

        public func run(_ message: inout Message) async throws {
            if let continuation = message.takeContinuation() { return try await continuation.resume(with: &message) }
            let original = message
            do {
                try await stages.stepList.run(&message)
            } catch {
                try caught(error, &message, original)
                try await `catch`.stepList.run(&message)
            }
        }

        public func runWithoutWaiting(_ message: inout Message) throws -> Bool {
            let original = message
            do throws(PipelineError) {
                if try stages.stepList.runOrSuspend(&message) { return true }
            } catch {
                try caught(error, &message, original)
                return try `catch`.stepList.runOrSuspend(&message)
            }
            let rest = message.takeContinuation()
            message.continuation = Continuation { message throws(PipelineError) in
                do throws(PipelineError) {
                    message.continuation = rest
                    try await stages.stepList.resume(with: &message)
                } catch {
                    try caught(error, &message, original)
                    try await `catch`.stepList.run(&message)
                }
            }
            return false
        }

        /// Puts the message back to what it was, with what went wrong.
        ///
        /// - Throws: The error, where it is none to catch.
        private func caught(
            _ error: PipelineError, _ message: inout Message, _ original: Message
        ) throws(PipelineError) {
            guard message.mayRecover(from: error) else { throw error }
            log.logger.withLock(\.self)?.failure(error, of: message, note: "; 'catch' runs")
            message = original
            message.note(error)
        }

        /// The logger, which is there from the opening on.
        private final class Log: Sendable {
            let logger = Mutex<Logger?>(nil)
        }
    }
}
