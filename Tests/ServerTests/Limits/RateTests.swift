import NIOCore
import Testing

@testable import Server

@Suite("Rates")
struct RateTests {
    private let start = NIODeadline.now()

    @Test("so many may come at once, and more as time goes on")
    func bucket() {
        var bucket = RateBucket(rate: 10, capacity: 10, now: start)
        let burst = (0..<12).map { _ in bucket.take(at: start) }
        #expect(burst == Array(repeating: true, count: 10) + [false, false])
        let later = [90, 100, 110].map { bucket.take(at: start + .milliseconds($0)) }
        #expect(later == [false, true, false])
        let muchLater = (0..<12).count { _ in bucket.take(at: start + .seconds(60)) }
        #expect(muchLater == 10)
    }

    @Test("a clock that stands still or an hour without frames gives nobody more than a second's worth")
    func longPause() {
        var rate = FrameRate(perSecond: 5, now: start)
        let later = start + .hours(1)
        let verdicts = (0..<6).map { _ in rate?.frame(at: later) }
        #expect(verdicts == Array(repeating: .allowed, count: 5) + [.refused])
    }

    @Test("a client at its rate is never refused")
    func steady() {
        var rate = FrameRate(perSecond: 5, now: start)
        let verdicts = (0..<1_000).map { rate?.frame(at: start + .milliseconds(200) * $0) }
        #expect(verdicts.allSatisfy { $0 == .allowed })
    }

    @Test("one at twice its rate is refused half of it, and closed after ten seconds")
    func twice() {
        var rate = FrameRate(perSecond: 10, now: start)
        let verdicts = (0..<240).map { rate?.frame(at: start + .milliseconds(50) * $0) }
        let abuse = verdicts.firstIndex(of: .abuse) ?? 0
        #expect((190...210).contains(abuse))
        #expect((90...110).contains(verdicts[..<abuse].filter { $0 == .allowed }.count))
    }

    @Test("a flood is closed at ten times the rate")
    func flood() {
        var rate = FrameRate(perSecond: 10, now: start)
        let verdicts = (0..<101).map { _ in rate?.frame(at: start) }
        #expect(verdicts.prefix(10).allSatisfy { $0 == .allowed })
        #expect(verdicts[10..<100].allSatisfy { $0 == .refused })
        #expect(verdicts[100] == .abuse)
    }

    @Test("0 is no limit")
    func none() {
        #expect(FrameRate(perSecond: 0, now: start) == nil)
        let connects = ConnectRate(perSecond: 0)
        #expect((0..<1_000).allSatisfy { _ in connects.take() })
    }

    @Test("a rate that is changed holds from then on")
    func changed() {
        let connects = ConnectRate(perSecond: 0)
        connects.change(perSecond: 2)
        #expect((0..<3).map { _ in connects.take() } == [true, true, false])
        connects.change(perSecond: 2)
        #expect(!connects.take())
        connects.change(perSecond: 0)
        #expect(connects.take())
    }
}
