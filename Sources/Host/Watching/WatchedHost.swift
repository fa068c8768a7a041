import ArgumentParser
import Server

/// What every command takes that looks at a running host.
struct WatchedHost: ParsableArguments {
    @Argument(help: "The host's address, as 'serve' prints it: http://127.0.0.1:8080.")
    var url: String

    func validate() throws {
        guard HostAddress(url) != nil else {
            throw ValidationError("'\(url)' is no address of a host, such as http://127.0.0.1:8080.")
        }
    }

    /// The host's feed, with the key that the environment has.
    func feed(_ environment: [String: String]) throws -> HostFeed {
        guard let address = HostAddress(url) else { throw ExitCode.failure }
        let key = environment["STAGECOACH_KEY"] ?? ""
        return HostFeed(address: address, key: key.isEmpty ? nil : key)
    }

    /// Looks until it is over; a problem goes to standard error once the terminal is what it was.
    ///
    /// - Throws: `ExitCode.failure` where there is one.
    func watch(_ terminal: Terminal, _ work: @escaping @Sendable () async throws -> Void) async throws {
        do {
            try await terminal.during(work)
        } catch is CancellationError {
            return
        } catch let problem as HostFeed.Problem {
            StandardError.write("error: \(problem)")
            throw ExitCode.failure
        }
    }
}
