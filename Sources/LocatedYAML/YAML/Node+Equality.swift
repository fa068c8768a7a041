extension Node {
    /// Whether two values say the same, wherever they stand.
    package func says(theSameAs other: Node) -> Bool {
        switch (content, other.content) {
        case (.scalar(let left), .scalar(let right)):
            left.text == right.text && left.style == right.style && left.isInterpolated == right.isInterpolated
        case (.sequence(let left), .sequence(let right)):
            left.elementsEqual(right) { $0.says(theSameAs: $1) }
        case (.mapping(let left), .mapping(let right)):
            left.elementsEqual(right) { $0.key.says(theSameAs: $1.key) && $0.value.says(theSameAs: $1.value) }
        default: false
        }
    }
}
