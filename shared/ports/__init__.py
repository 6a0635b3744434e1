"""What a service may ask of the world, and what those who answer owe it. Adapters fulfil these
obligations.
"""
