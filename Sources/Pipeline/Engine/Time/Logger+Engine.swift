import Logging

extension Logger {
    /// The engine's log; in a test, the test's.
    static var engine: Logger {
        guard let log = EngineOverrides.current?.log else { return Logger(label: "stagecoach") }
        return Logger(label: "stagecoach", factory: log)
    }
}
