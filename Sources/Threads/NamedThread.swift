import CEvents
import Glibc

/// Runs something on a thread of its own, which takes no signals: the program's handlers stay on its own threads, and a write
/// to a closed connection does not end the process. Threads that are started from it take none either.
///
/// - Parameter name: What `ps` and a debugger show, of at most 15 bytes.
/// - Returns: Whether there could be one.
package func startThread(named name: StaticString, _ body: @escaping @Sendable () -> Void) -> Bool {
    final class Work: Sendable {
        let name: StaticString
        let body: @Sendable () -> Void

        init(_ name: StaticString, _ body: @escaping @Sendable () -> Void) { (self.name, self.body) = (name, body) }
    }
    var thread = pthread_t()
    let context = Unmanaged.passRetained(Work(name, body))
    let status = pthread_create(
        &thread, nil,
        { context in
            guard let context else { return nil }
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_BLOCK, &all, nil)
            let work = Unmanaged<Work>.fromOpaque(context).takeRetainedValue()
            stagecoach_name_thread(work.name.description)
            work.body()
            return nil
        }, context.toOpaque())
    guard status == 0 else {
        context.release()
        return false
    }
    pthread_detach(thread)
    return true
}
