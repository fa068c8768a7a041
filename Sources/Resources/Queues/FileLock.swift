import FoundationEssentials
import Glibc

/// A file that says which process uses another one. The system lets go of it when the process ends, however that is.
struct FileLock: Sendable {
    private let file: Int32

    /// How long a pipeline of this host may take to let go of it, which another has just taken the place of.
    private static let patience = Duration.seconds(1)

    /// Takes the lock.
    ///
    /// - Throws: ``DiskLogError`` naming the process that has it.
    static func take(path: String, of name: String) async throws -> FileLock {
        let end = ContinuousClock.now + patience
        while true {
            do {
                return try FileLock(path: path, of: name)
            } catch let error as DiskLogError where error.isOfThisHost && ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private init(path: String, of name: String) throws {
        // What a link of somebody else leads to is not ours to write to.
        file = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else {
            let reason = String(cString: strerror(errno))
            let obstacle = FileObstacle(at: name).map { "; \($0)" } ?? ""
            throw DiskLogError("the queue '\(name)' can't be locked: \(reason)\(obstacle)")
        }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let holder = (try? String(contentsOfFile: path, encoding: .utf8)).flatMap { Int32($0) }
            Glibc.close(file)
            let words = holder.map { $0 == getpid() ? "by another pipeline of this host" : "by process \($0)" }
            throw DiskLogError(
                "the queue '\(name)' is in use \(words ?? "by another process"); name another file, or stop that one first",
                isOfThisHost: holder == getpid())
        }
        let text = Array("\(getpid())".utf8)
        ftruncate(file, 0)
        _ = pwrite(file, text, text.count, 0)
    }

    func unlock() {
        // A process that is being started has the descriptor until its program begins, and the lock with it.
        flock(file, LOCK_UN)
        Glibc.close(file)
    }
}
