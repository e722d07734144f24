"""expect: failed ValueError"""
