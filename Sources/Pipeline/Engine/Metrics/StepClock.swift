import CTicks
import Glibc

/// Measures how long steps take: by the processor's own counter where the kernel trusts it, else by the monotonic clock.
struct StepClock: Sendable {
    /// Nanoseconds of a tick, times 2³²; 0 where there is no counter to trust.
    private let scale: UInt64

    static let shared = StepClock()

    private init() {
        scale = StepClock.kernelTrustsCounter ? StepClock.measuredScale() : 0
    }

    /// A point in time, for ``nanoseconds(from:to:)``.
    var now: UInt64 { scale == 0 ? StepClock.monotonic() : stagecoach_ticks() }

    /// The time between two points; none where the second is not later.
    func nanoseconds(from start: UInt64, to end: UInt64) -> UInt64 {
        end > start ? nanoseconds(of: end - start) : 0
    }

    /// A difference of two points as time.
    func nanoseconds(of difference: UInt64) -> UInt64 {
        guard scale != 0 else { return difference }
        let product = difference.multipliedFullWidth(by: scale)
        return product.high << 32 | product.low >> 32
    }

    /// A time, of less than a second, as the difference of two points.
    func difference(of nanoseconds: UInt64) -> UInt64 {
        scale == 0 ? nanoseconds : (nanoseconds << 32) / scale
    }

    /// The kernel uses a counter for its own clock only where it runs at one speed and alike on every processor.
    private static var kernelTrustsCounter: Bool {
        guard let file = fopen("/sys/devices/system/clocksource/clocksource0/current_clocksource", "r") else {
            return false
        }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        guard fgets(&line, Int32(line.count), file) != nil else { return false }
        let name = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return ["tsc", "arch_sys_counter"].contains(name) && stagecoach_ticks() != 0
    }

    /// Watches both clocks for a millisecond, which makes one part in ten thousand.
    private static func measuredScale() -> UInt64 {
        let (ticks, time) = (stagecoach_ticks(), monotonic())
        var passed: UInt64 = 0
        while passed < 1_000_000 { passed = monotonic() - time }
        let ticked = stagecoach_ticks() - ticks
        return ticked == 0 ? 0 : UInt64(Double(passed) / Double(ticked) * 4_294_967_296)
    }

    private static func monotonic() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
