import ArgumentParser
import Pipeline
import Server
import Synchronization

/// The chains that a host has in Swift, made once: before anybody takes metrics, which are those of chains that are served.
enum HostChains {
    private static let made = Mutex<[ObjectIdentifier: [String: Chain]]>([:])

    /// All of them, by name. None of them is open.
    ///
    /// - Throws: `ExitCode.failure`, after saying so, where one is not wired well.
    static func all<Host: StagecoachHost>(of host: Host.Type) throws -> [String: Chain] {
        let id = ObjectIdentifier(host)
        if let chains = made.withLock({ $0[id] }) { return chains }
        do {
            let chains = try Host.chains
            made.withLock { $0[id] = chains }
            return chains
        } catch {
            let problems = (error as? Chain.BuildError)?.problems ?? ["\(error)"]
            for problem in problems { StandardError.write("error: a chain of this host: \(problem)") }
            throw ExitCode.failure
        }
    }
}
