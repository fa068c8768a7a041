extension Chain {
    /// What the engine gives to every stage: written beside it in a pipeline file.
    public struct Modifiers: Sendable {
        /// Its name in logs, metrics and graphs; by default the stage's name.
        public var label: String?
        /// Hands the message to a queue and goes on at once.
        public var async: Chain.AsyncPolicy?
        /// The deadline of one run.
        public var timeout: Duration?
        /// Runs again after errors that may pass.
        public var retry: Chain.RetryPolicy?
        /// Runs only for some messages.
        public var when: Chain.Condition?
        /// What happens after an error.
        public var onError = Chain.ErrorPolicy.stop

        /// No modifier.
        public init() {}

        /// The settings of one that is a mapping; none of the others.
        static func settings(of name: String) -> [String] {
            switch name {
            case "async": Chain.AsyncPolicy.settings.map(\.name)
            case "retry": Chain.RetryPolicy.settings.map(\.name)
            default: []
            }
        }
    }
}

extension Chain {
    /// What happens when a stage fails for good.
    public enum ErrorPolicy: Sendable {
        /// The client gets the error and the message ends.
        case stop
        /// The error is logged and the message goes on.
        case `continue`
        /// These steps run instead.
        case run([Chain.Step])
    }
}

extension Chain {
    /// How often and when a stage runs again after an error that says it may be retried.
    public struct RetryPolicy: SettingGroup {
        @Setting("How often the stage runs at most, the first time included.", in: 1...100) public var attempts = 3

        /// How long to wait before the second run. Doubled each time; less up to a quarter, by chance.
        @Setting("The wait before the second run; it doubles each time.") public var backoff: Duration = .milliseconds(
            500)

        @Setting("The longest wait between two runs.") public var maxBackoff: Duration = .seconds(8)

        /// Three attempts; 0.5 s doubling up to 8 s, as OpenAI's own clients have it.
        public init() {}

        /// The wait after a number of failed runs, with up to a quarter taken off by chance so that clients spread.
        func delay(afterFailures failures: Int) -> Duration {
            min(backoff * (1 << min(failures - 1, 30)), maxBackoff) * Double.random(in: 0.75...1)
        }
    }
}

extension Chain {
    /// How a stage runs behind a queue.
    public struct AsyncPolicy: SettingGroup {
        /// What a full queue does with the next message.
        public enum WhenFull: String, CaseIterable, SettingValue {
            /// It waits, and so does the connection.
            case wait
            /// It is an error to the client.
            case reject
            /// It is dropped, counted and logged.
            case drop
        }

        @Uses("The queue under 'resources'; without it one in memory.", onlyNamed: true) public var queue:
            (any QueueStore)?

        /// How many messages may wait or be worked on; without it 1,000 in memory, and what a queue's own size allows on disk.
        @Setting(
            "How many messages may wait, those being worked on included; 1000 in memory unless said.",
            in: 1...10_000_000)
        public var capacity: Int?

        @Setting("What a full queue does with the next message.") public var whenFull = WhenFull.wait

        @Setting("How many workers; messages of one session stay in order.", in: 1...1_024) public var workers = 1

        @Setting("How many messages a worker takes at once, where the stage can.", in: 1...100_000) public var batch =
            1_000

        /// Runs again after errors that may pass; goes before the stage's own `retry`.
        @Setting("Tries again after temporary errors.") public var retry: Chain.RetryPolicy?

        @Setting("A file for messages that fail permanently, as JSON lines; 'stagecoach replay' tries them again.")
        public var deadLetter: String?

        /// A queue of 1,000 messages in memory, one worker.
        public init() {}

        func queueOptions(pipeline: String = "", isWorkedOn: Bool = true) -> Queue.Options {
            Queue.Options(capacity: capacity, lanes: workers, pipeline: pipeline, isWorkedOn: isWorkedOn)
        }

        /// The queue's type and what it holds, for drawings.
        package var queueWords: String {
            let places = capacity.map { ", \($0)" }
            guard let queue else { return "memory\(places ?? ", \(MemoryQueue.defaultCapacity)")" }
            return type(of: queue).name + (places ?? "")
        }

        package var guarantee: Queue.Guarantee {
            guard let queue else { return .memory(capacity: capacity ?? MemoryQueue.defaultCapacity) }
            return capacity.map(queue.guarantee(holding:)) ?? queue.guarantee
        }

        /// `async: outbox` names a queue.
        private static func cure(_ node: Node, _ reader: SettingReader) -> String? {
            guard let scalar = node.scalar, !scalar.isInterpolated, case .string(let text) = scalar.value else {
                return nil
            }
            let isWord = Rewriting.texts(for: text).contains { $0 == "true" || $0 == "false" } || Bool(text) != nil
            return isWord || text.contains(" ") || text.isEmpty ? nil : "write {queue: \(text)}"
        }

        static func read(_ node: Node, with reader: inout SettingReader) -> Chain.AsyncPolicy?? {
            if case .bool(let isOn) = node.scalar?.value { return .some(isOn ? Chain.AsyncPolicy() : nil) }
            guard node.entries != nil else {
                reader.wrongType(node, expected: .either([.boolean, settingType]), hint: cure(node, reader))
                return nil
            }
            return SettingBinder.bind(
                Prototype<Chain.AsyncPolicy>(), to: node, of: Owner(reader.subject, place: node.range), with: &reader
            )
            .map(Optional.some)
        }
    }
}
