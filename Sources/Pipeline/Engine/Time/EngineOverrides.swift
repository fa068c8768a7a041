package import Logging

/// What a test puts in place of the engine's clock and log; elsewhere there is none.
///
/// Looked up only where the engine is about to wait, and where a chain is made.
package struct EngineOverrides: Sendable {
    /// Those of the test that the caller runs in.
    @TaskLocal package static var current: EngineOverrides?

    package let clock: any EngineClock
    package let log: @Sendable (String) -> any LogHandler

    package init(clock: any EngineClock, log: @escaping @Sendable (String) -> any LogHandler) {
        (self.clock, self.log) = (clock, log)
    }
}
