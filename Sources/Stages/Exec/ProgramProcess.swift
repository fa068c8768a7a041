import CProcess
import Glibc

/// A running process: its pipes, and what was read and not yet understood. Only the thread of its pool uses it.
final class ProgramProcess {
    let pid: pid_t
    /// Becomes readable when the process ends.
    let watch: Int32
    private(set) var input: Int32
    let output: Int32
    let errors: Int32
    var outputLines = LineBuffer()
    var errorLines = ErrorLines()
    /// Whether it can still write answers, and complaints.
    var (isOutputOpen, areErrorsOpen) = (true, true)
    /// Since when it can write no more answers.
    var muteSince: UInt64?
    private var unsent: [UInt8] = []
    private var sent = 0

    /// What kept a program from starting.
    struct Failure: Error, CustomStringConvertible {
        let description: String

        init(_ code: Int32) {
            description = String(cString: strerror(code))
        }
    }

    /// Starts a program.
    init(_ program: Program) throws(Failure) {
        let (itsInput, input) = try ProgramProcess.pipe()
        let (output, itsOutput) = try ProgramProcess.pipe()
        let (errors, itsErrors) = try ProgramProcess.pipe()
        defer { for end in [itsInput, itsOutput, itsErrors] { close(end) } }
        for end in [input, output, errors] { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
        let arguments: [UnsafeMutablePointer<CChar>?] = program.command.words.map { strdup($0) } + [nil]
        let environment: [UnsafeMutablePointer<CChar>?] = program.environment.assignments.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        let pid = program.command.path.withCString { path in
            var what = stagecoach_program(
                path: path, arguments: nil, environment: nil, input: itsInput, output: itsOutput, error: itsErrors,
                memory: UInt(program.memory))
            return arguments.withUnsafeBufferPointer { arguments in
                environment.withUnsafeBufferPointer { environment in
                    what.arguments = arguments.baseAddress
                    what.environment = environment.baseAddress
                    return stagecoach_start(&what)
                }
            }
        }
        let watch = pid > 0 ? stagecoach_watch(pid) : -1
        guard watch >= 0 else {
            let failure = Failure(pid > 0 ? errno : -pid)
            for end in [input, output, errors] { close(end) }
            if pid > 0 { ProgramProcess.end(pid) }
            throw failure
        }
        (self.pid, self.watch, self.input, self.output, self.errors) = (pid, watch, input, output, errors)
    }

    deinit {
        closeInput()
        for descriptor in [output, errors, watch] { close(descriptor) }
    }

    /// Whether bytes wait for the pipe to have room.
    var hasUnsent: Bool { sent < unsent.count }

    /// Writes what the pipe takes, and keeps the rest.
    func write(_ bytes: [UInt8] = []) {
        if hasUnsent { unsent += bytes } else { (unsent, sent) = (bytes, 0) }
        while hasUnsent, input >= 0 {
            let written = unsent.withUnsafeBytes { bytes in
                Glibc.write(input, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
            }
            if written < 0 {
                if errno == EINTR { continue }
                // Nobody reads any more: the process ends, or its output says what is wrong.
                if errno != EAGAIN { (unsent, sent) = ([], 0) }
                return
            }
            sent += written
        }
    }

    /// Tells it that there is nothing more to come.
    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
    }

    /// Ends it, and all that it started and that stayed in its group.
    func kill() {
        Glibc.kill(-pid, SIGKILL)
    }

    /// Ends what it left behind, and says how it ended. For a process that has.
    func reap() -> String {
        // Its number is no other's before it is waited for.
        kill()
        return ProgramProcess.end(pid)
    }

    /// CPU time that it used, in nanoseconds.
    var usedCPU: UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard clock_getcpuclockid(pid, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    @discardableResult
    private static func end(_ pid: pid_t) -> String {
        var status: Int32 = 0
        Glibc.kill(-pid, SIGKILL)
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        let signal = status & 0x7F
        guard signal != 0 else { return "ended with exit code \((status >> 8) & 0xFF)" }
        let name = strsignal(signal).map { String(cString: $0) } ?? "unknown"
        return "was ended by signal \(signal) (\(name))"
    }

    private static func pipe() throws(Failure) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        guard stagecoach_pipe(&ends) == 0 else { throw Failure(errno) }
        return (ends[0], ends[1])
    }
}
