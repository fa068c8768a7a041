import NIOCore
import Testing

@testable import Server

@Suite("For how long a client has taken nothing")
struct StallClockTests {
    private let start = NIODeadline.uptimeNanoseconds(1)

    @Test("counts from the last time that it took anything, however little and whatever was added")
    func idle() {
        var clock = StallClock(taken: 100, now: start)
        #expect(clock.idle(taken: 100, at: start + .seconds(9)) == .seconds(9))
        #expect(clock.idle(taken: 101, at: start + .seconds(10)) == .seconds(0))
        #expect(clock.idle(taken: 101, at: start + .seconds(25)) == .seconds(15))
    }
}
