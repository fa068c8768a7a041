/// The anchor (`&name`) and the tag (`!!str`) before a value. libyaml tells that they are there, but not where.
struct NodeProperties {
    private(set) var anchor: SourceRange?
    private(set) var tag: SourceRange?

    /// The position where the value itself begins.
    let end: Int

    init(in source: SourceFile, at positions: Range<Int>) {
        let index = source.index
        var offset = index.offset(ofPosition: positions.lowerBound)
        var start = positions.lowerBound
        while start < positions.upperBound, let first = index[offset],
            first == UInt8(ascii: "&") || first == UInt8(ascii: "!")
        {
            let word = index.prefix(from: offset) { !" \t\r\n,[]{}".utf8.contains($0) }
            let range = SourceRange(
                start: index.location(ofOffset: word.lowerBound), end: index.location(ofOffset: word.upperBound))
            if first == UInt8(ascii: "&") { anchor = anchor ?? range } else { tag = tag ?? range }
            offset = index.nextContentOffset(from: word.upperBound)
            start = index.position(ofOffset: offset)
        }
        // A value left out ends where its properties do.
        end = min(start, positions.upperBound)
    }
}
