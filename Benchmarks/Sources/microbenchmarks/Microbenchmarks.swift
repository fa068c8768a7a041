import FoundationEssentials

/// Measures the parts of the engine that no load over a socket can single out.
///
///     microbenchmarks                    a table
///     microbenchmarks --json             one JSON object: name → nanoseconds of time and of CPU
///     microbenchmarks NAME COUNT         one benchmark, COUNT times, for a profiler
///     microbenchmarks listen PORT        a bare listener in a program that links what the host links
@main
struct Microbenchmarks {
    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.count == 2, arguments[0] == "listen", let port = Int(arguments[1]) {
            try await BareListener.run(port: port)
            return
        }
        let all =
            try await ChainBenchmarks.all() + FileBenchmarks.all() + JSONBenchmarks.all() + RowBenchmarks.all()
            + ExecBenchmarks.all() + FrameBenchmarks.all()
        switch arguments.count {
        case 2:
            guard let one = all.first(where: { $0.name == arguments[0] }), let count = Int(arguments[1]) else {
                print("names: \(all.map(\.name).joined(separator: ", "))")
                return
            }
            try await one.run(count)
        default:
            var results: [String: Microbenchmark.Cost] = [:]
            for one in all {
                let cost = try await one.cost()
                results[one.name] = cost
                if arguments.isEmpty { print(one.line(cost, baseline: one.baseline.flatMap { results[$0] })) }
            }
            if arguments == ["--json"] { print(String(decoding: try JSONEncoder().encode(results), as: UTF8.self)) }
        }
    }
}
