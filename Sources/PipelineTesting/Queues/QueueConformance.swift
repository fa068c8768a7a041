public import Pipeline

/// The rules that every queue under `resources:` keeps, built-in ones and those of one's own.
///
/// ```swift
/// @Test("keeps to the rules of queues", arguments: QueueConformance.allCases)
/// func rules(_ rule: QueueConformance) async {
///     let path = newFolder() + "/queue"
///     #expect(await rule.findings { Spool(path: path) } == [])
/// }
/// ```
public enum QueueConformance: String, CaseIterable, Sendable, CustomStringConvertible {
    case wholeMessages = "a message comes out as it went in"
    case unusualText = "any text comes out byte for byte"
    case largeMessages = "a message of 256 KiB comes out whole"
    case order = "the messages of a session come out in their order"
    case lanes = "of several lanes, one has the messages of a session, and each message comes out of one"
    case finished = "what is finished does not come out again"
    case putBack = "what is put back is next"
    case steps = "what waits for one step does not come out for another"
    case capacity = "past its limit a step's queue is full, and there is room once messages are finished"
    case depth = "what waits and what is being worked on is counted"
    case sessions = "what waits for a session is found, in order, and by its id"
    case waking = "who waits for messages is woken, and gets none"
    case closing = "a queue that is closed takes nothing more, and who waits for messages or for room goes on"
    case restart = "what waits is there after a restart, or else is handed over when the queue gives up"
    case unfinished = "what was handed out and not finished is there after a restart, in its order"
    case words = "it says what happens to what waits"

    /// What a test is called with it.
    public var description: String { rawValue }

    /// How long a rule may take. A queue that waits for something that never happens breaks it.
    public static var patience: Duration { .seconds(60) }

    /// How a queue does not keep the rule, each in a sentence; empty where it does.
    ///
    /// - Parameter make: Makes the resource, as two files with the same settings would: the second one that it makes finds what
    ///   the first has left. Nothing waits in it before the rule begins. It is opened and closed here.
    public func findings(of make: @escaping @Sendable () -> any QueueStore) async -> [String] {
        let rule = self
        let trial = QueueTrial(make: make)
        do {
            return try await withTimeout(QueueConformance.patience, orThrow: QueueTrial.TooLong()) {
                try await trial.findings(for: rule)
            }
        } catch is QueueTrial.TooLong {
            return ["it waits for something that does not happen"]
        } catch {
            return ["it fails: \(error)"]
        }
    }
}
