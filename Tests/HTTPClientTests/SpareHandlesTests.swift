import Testing

@testable import HTTPClient

@Suite("Spare handles")
struct SpareHandlesTests {
    private typealias Handles = SpareHandles<Int>

    private func handles(_ count: Int) -> Handles {
        var handles = Handles()
        for each in 0..<count { handles.put(each) }
        return handles
    }

    @Test("are used again, the last first")
    func order() {
        var handles = handles(3)
        #expect([handles.take(), handles.take(), handles.take(), handles.take()] == [2, 1, 0, nil])
    }

    @Test("are let go of where there are too many")
    func bound() {
        #expect(handles(Handles.maxCount + 100).count == Handles.maxCount)
    }

    @Test("that no call has needed for a while are let go of, but for a few, which need no timer")
    func unused() {
        var handles = handles(300)
        #expect(handles.periodEnd != nil)
        // Those that came in a period were used in it.
        handles.endPeriod(.now)
        let rest = handles.count
        #expect(rest > 200)
        for _ in 0..<100 { _ = handles.take() }
        for each in 0..<100 { handles.put(each) }
        handles.endPeriod(.now)
        #expect(handles.count == 100)
        #expect(handles.periodEnd != nil)
        handles.endPeriod(.now)
        #expect(handles.count == Handles.fewest)
        #expect(handles.periodEnd == nil)
    }

    @Test("that are in use all the time are kept")
    func used() {
        var handles = handles(300)
        for _ in 0..<3 {
            for _ in 0..<300 { _ = handles.take() }
            for each in 0..<300 { handles.put(each) }
            handles.endPeriod(.now)
        }
        #expect(handles.count == 300)
    }

    @Test("are few where they are few")
    func few() {
        var handles = handles(Handles.fewest)
        #expect(handles.periodEnd == nil)
        handles.endPeriod(.now)
        #expect(handles.count == Handles.fewest)
    }
}
