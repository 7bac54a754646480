/** Name of the file in a lab's directory by which kubectl reaches it. */
export const KUBECONFIG = 'kubeconfig';
