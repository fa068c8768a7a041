import Glibc

/// Something that is done many times, and what it may be compared with.
struct Microbenchmark: Sendable {
    /// What doing it once costs, in nanoseconds.
    struct Cost: Codable {
        var time: Double
        var cpu: Double
    }

    let name: String
    /// The name of the benchmark that does the same bare.
    var baseline: String?
    /// How often it is done at least, where what it costs grows with how often: rows in a table.
    var atLeast = 1
    /// Does it so many times.
    let run: @Sendable (Int) async throws -> Void

    /// The median of five rounds of about a fifth of a second each.
    func cost() async throws -> Cost {
        var count = 1
        while try await seconds(of: count).time < 0.02 { count *= 2 }
        count = max(count * 10, atLeast)
        var rounds: [Cost] = []
        for _ in 0..<5 { rounds.append(try await seconds(of: count)) }
        rounds.sort { $0.time < $1.time }
        let scale = 1e9 / Double(count)
        return Cost(time: rounds[2].time * scale, cpu: rounds[2].cpu * scale)
    }

    func line(_ cost: Cost, baseline: Cost?) -> String {
        let figures = "\(name): \(Int(cost.time)) ns, CPU \(Int(cost.cpu)) ns"
        guard let baseline, let name = self.baseline else { return figures }
        return "\(figures), \((cost.time / baseline.time * 100).rounded() / 100) × \(name)"
    }

    private func seconds(of count: Int) async throws -> Cost {
        let (time, cpu) = (Self.now(CLOCK_MONOTONIC), Self.now(CLOCK_PROCESS_CPUTIME_ID))
        try await run(count)
        return Cost(time: Self.now(CLOCK_MONOTONIC) - time, cpu: Self.now(CLOCK_PROCESS_CPUTIME_ID) - cpu)
    }

    private static func now(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
