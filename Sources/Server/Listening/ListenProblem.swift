import Glibc
import NIOCore

/// Why the host can't listen at its address, and what to do.
struct ListenProblem: CustomStringConvertible {
    let host: String
    let port: Int
    let error: any Error

    var description: String { "can't listen on \(host):\(port): \(reason)" }

    private var reason: String {
        guard let error = error as? IOError else {
            return error is SocketAddressError || error is SocketAddressError.UnknownHost
                ? "'\(host)' is no address of this machine; --host takes one, such as 127.0.0.1" : "\(error)"
        }
        switch error.errnoCode {
        case EADDRINUSE:
            return "the address is in use by another program; stop that, or choose another port: --port \(other), or "
                + "--port 0 for any that is free"
        case EACCES, EPERM:
            return port < 1_024
                ? "ports below 1024 need a privilege; choose another, such as --port 8080" : "it is not permitted"
        case EADDRNOTAVAIL:
            return
                "this machine has no such address; --host 127.0.0.1 is for this machine alone, --host 0.0.0.0 for all"
        default: return String(cString: strerror(error.errnoCode))
        }
    }

    private var other: Int { port < 65_535 ? port + 1 : 8_080 }
}
