/// A text that equals another only where every byte does: names, ids and prompts, which tell clients and messages apart.
///
/// Swift's own `==` takes two texts for the same that differ in how their characters are composed ("é" as one scalar or
/// as two). Databases and other programs do not.
package struct ExactText: Sendable, Hashable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package static func == (left: ExactText, right: ExactText) -> Bool { left.text.isExactly(right.text) }

    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No UTF-8 has it: of several texts it is known where each ends.
        hasher.combine(0xFF as UInt8)
    }

    package var description: String { text }
}

extension String {
    /// Whether the other has the same bytes in UTF-8.
    package func isExactly(_ other: String) -> Bool {
        var (left, right) = (self, other)
        return left.withUTF8 { left in
            right.withUTF8 { right in
                left.count == right.count && left.elementsEqual(right)
            }
        }
    }
}

extension String? {
    /// Whether both are absent, or have the same bytes in UTF-8.
    package func isExactly(_ other: String?) -> Bool {
        switch (self, other) {
        case (nil, nil): true
        case (let left?, let right?): left.isExactly(right)
        default: false
        }
    }
}
