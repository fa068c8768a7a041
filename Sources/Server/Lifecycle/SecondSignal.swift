import Glibc
import Logging
import UnixSignals

/// Who tells a process to stop that is stopping already does not want to wait.
enum SecondSignal {
    /// Ends the process at the next signal.
    static func wait(_ logger: Logger) async {
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) {
            logger.warning("Stopped at a second signal; what was in flight is lost")
            exit(1)
        }
    }
}
