import NIOCore
import Pipeline
import Testing

@testable import Server
@testable import WebSocketCodec

@Suite("When a connection is pinged or closed")
struct ConnectionClockTests {
    private let start = NIODeadline.uptimeNanoseconds(1)

    private func at(_ seconds: Int64) -> NIODeadline { start + .seconds(seconds) }

    private func clock(_ change: (inout HostLimits) -> Void = { _ in }) -> ConnectionClock {
        var limits = HostLimits()
        change(&limits)
        return ConnectionClock(limits: limits, now: start)
    }

    private func name(_ action: ConnectionClock.Action) -> String {
        switch action {
        case .nothing: "nothing"
        case .ping: "ping"
        case .close(let code, _): "close \(code.rawValue)"
        case .abort: "abort"
        }
    }

    @Test("a silent client is pinged each interval and ended after two that are missed")
    func pings() {
        var clock = clock()
        let actions = [10, 30, 31, 60, 61].map { name(clock.tick(at: at($0), isBusy: false)) }
        #expect(actions == ["nothing", "ping", "nothing", "ping", "abort"])
    }

    @Test("a connection ends with its token, however busy it is")
    func expiry() {
        var clock = ConnectionClock(limits: HostLimits(), expires: at(20), now: start)
        #expect(name(clock.tick(at: at(19), isBusy: true)) == "nothing")
        #expect(name(clock.tick(at: at(20), isBusy: true)) == "close 1008")
    }

    @Test("a client that answers pings stays until it has been idle too long")
    func idle() {
        var clock = clock()
        for second in stride(from: Int64(10), through: 590, by: 10) {
            clock.heard(at: at(second))
            #expect(name(clock.tick(at: at(second + 1), isBusy: false)) == "nothing")
        }
        clock.heard(at: at(600))
        #expect(name(clock.tick(at: at(601), isBusy: false)) == "close 1000")
    }

    @Test("a message in work, or a new one, is no idleness")
    func busy() {
        var clock = clock()
        clock.heard(at: at(599))
        #expect(name(clock.tick(at: at(599), isBusy: true)) == "nothing")
        clock.heard(at: at(1_100))
        #expect(name(clock.tick(at: at(1_100), isBusy: false)) == "nothing")
    }

    @Test("a client that does not answer our close is ended")
    func closing() {
        var clock = clock()
        clock.closing(at: start, within: .seconds(10))
        #expect(name(clock.tick(at: at(10), isBusy: false)) == "nothing")
        #expect(name(clock.tick(at: at(11), isBusy: false)) == "abort")
    }

    @Test("limits of 0 are no limits, a lifetime is one")
    func unlimited() {
        var free = clock { limits in
            (limits.ping, limits.idle) = (.zero, .zero)
        }
        #expect(name(free.tick(at: at(1_000_000), isBusy: false)) == "nothing")
        var mortal = clock { $0.lifetime = .seconds(5) }
        #expect(name(mortal.tick(at: at(6), isBusy: true)) == "close 1000")
    }
}
